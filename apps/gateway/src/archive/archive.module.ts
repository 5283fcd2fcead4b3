import { Inject, Injectable, Module } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import type { GatewayConfig } from '../config.js';
import { CONFIG, DATABASE } from '../gateway.constants.js';
import { LogModule } from '../log/log.module.js';
import { Archive } from './archive.js';
import { CatchUp } from './catch-up.service.js';
import { Moments } from './moments.service.js';

@Injectable()
class DatabaseCloser implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  onApplicationShutdown(): Promise<void> {
    return this.database.close();
  }
}

@Module({
  imports: [LogModule],
  providers: [
    {
      provide: DATABASE,
      inject: [CONFIG],
      useFactory: (config: GatewayConfig) =>
        openDatabase(config.DATABASE_URL, { applicationName: 'millrace-gateway' }),
    },
    DatabaseCloser,
    Archive,
    CatchUp,
    Moments,
  ],
  exports: [Archive, CatchUp, Moments],
})
export class ArchiveModule {}
