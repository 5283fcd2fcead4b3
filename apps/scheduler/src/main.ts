import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestLogger, createLogger, runMain, stopOnSignal } from '@millrace/runtime';
import { readSchedulerConfig } from './config.js';
import { SchedulerModule } from './scheduler.module.js';

await runMain(async () => {
  const config = readSchedulerConfig();
  const logger = createLogger({
    app: 'scheduler',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });
  const app = await NestFactory.createApplicationContext(SchedulerModule.with(config, logger), {
    logger: new NestLogger(logger),
  });
  stopOnSignal(() => app.close(), { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
