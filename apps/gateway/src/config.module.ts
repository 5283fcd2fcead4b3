import { Global, Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Logger } from '@millrace/runtime';
import type { GatewayConfig } from './config.js';
import { CONFIG, LOGGER } from './gateway.constants.js';

/** Configuration and logging: what every module may need. */
@Global()
@Module({})
export class ConfigModule {
  static of(config: GatewayConfig, logger: Logger): DynamicModule {
    return {
      module: ConfigModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
      ],
      exports: [CONFIG, LOGGER],
    };
  }
}
