import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestLogger, createLogger, runMain, serveTelemetry, stopOnSignal } from '@millrace/runtime';
import { readSchedulerConfig } from './config.js';
import { SchedulerModule } from './scheduler.module.js';

await runMain(async () => {
  const config = readSchedulerConfig();
  const logger = createLogger({
    app: 'scheduler',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });
  const { telemetry, stop } = await serveTelemetry('scheduler', {
    port: config.MILLRACE_METRICS_PORT,
    host: config.MILLRACE_METRICS_HOST,
    logger,
  });
  const app = await NestFactory.createApplicationContext(SchedulerModule.with(config, logger, telemetry), {
    logger: new NestLogger(logger),
  });
  const stopAll = (): Promise<void> => app.close().finally(stop);
  stopOnSignal(stopAll, { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
