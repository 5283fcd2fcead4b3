import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { NestLogger, createLogger, runMain, stopOnSignal } from '@millrace/runtime';
import { WorkerModule, isHandlerProcess } from '@millrace/worker';
import { workerConfig } from './config.js';
import { loadHandlerModules } from './handler-modules.js';

await runMain(async () => {
  const config = workerConfig();
  const logger = createLogger({
    app: 'worker',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });

  @Module({
    imports: [
      ...(await loadHandlerModules(config.MILLRACE_HANDLERS)),
      WorkerModule.register({
        natsUrl: config.NATS_URL,
        logger,
        ...(config.MILLRACE_CONCURRENCY !== undefined && { concurrency: config.MILLRACE_CONCURRENCY }),
        prefetch: config.MILLRACE_PREFETCH,
        ...(config.MILLRACE_QUEUES && { queues: config.MILLRACE_QUEUES }),
        leaseSeconds: config.MILLRACE_LEASE_SECONDS,
        drainSeconds: config.MILLRACE_DRAIN_SECONDS,
        quietMs: config.MILLRACE_QUIET_SECONDS * 1000,
      }),
    ],
  })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: new NestLogger(logger) });
  // Its parent decides when it ends.
  if (isHandlerProcess()) return;
  stopOnSignal(() => app.close(), { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
