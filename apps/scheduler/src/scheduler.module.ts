import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Logger, Telemetry } from '@millrace/runtime';
import type { SchedulerConfig } from './config.js';
import { CONFIG, LOGGER, TELEMETRY } from './scheduler.constants.js';
import { Scheduler } from './scheduler.js';

@Module({})
export class SchedulerModule {
  static with(config: SchedulerConfig, logger: Logger, telemetry?: Telemetry): DynamicModule {
    return {
      module: SchedulerModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: TELEMETRY, useValue: telemetry },
        Scheduler,
      ],
    };
  }
}
