import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { LogWatch } from '../log/log-watch.js';
import type { Readiness } from './health.schema.js';

const POSTGRES_WITHIN_MS = 1_000;

/** Whether requests can be served. */
@Injectable()
export class Health {
  constructor(
    private readonly log: TaskLog,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
  ) {}

  async readiness(): Promise<Readiness> {
    const hasLog = this.log.connected;
    const hasPostgres = await Promise.race([
      this.archive.isThere(),
      new Promise<false>((resolve) => setTimeout(resolve, POSTGRES_WITHIN_MS, false).unref()),
    ]);
    return {
      status: hasLog ? (hasPostgres ? 'ok' : 'degraded') : 'unavailable',
      log: { status: hasLog ? 'up' : 'away', store_usage: this.watch.usage },
      postgres: { status: hasPostgres ? 'up' : 'away' },
    };
  }
}
