import { Inject, Injectable, Module } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { GatewayConfig } from '../config.js';
import { CONFIG } from '../gateway.constants.js';
import { LogGate } from './log-gate.js';
import { LogWatch } from './log-watch.js';

/** Closes the log after the last request, which the modules that use it wait for. */
@Injectable()
class LogCloser implements OnApplicationShutdown {
  constructor(@Inject(TaskLog) private readonly log: TaskLog) {}

  onApplicationShutdown(): Promise<void> {
    return this.log.close();
  }
}

@Module({
  providers: [
    {
      provide: TaskLog,
      inject: [CONFIG],
      useFactory: (config: GatewayConfig) => TaskLog.open({ url: config.NATS_URL, name: 'gateway' }),
    },
    LogCloser,
    LogGate,
    LogWatch,
  ],
  exports: [TaskLog, LogGate, LogWatch],
})
export class LogModule {}
