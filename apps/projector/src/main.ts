import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestLogger, createLogger, runMain, serveTelemetry, stopOnSignal } from '@millrace/runtime';
import { readProjectorConfig } from './config.js';
import { ProjectorModule } from './projector.module.js';

await runMain(async () => {
  const config = readProjectorConfig();
  const logger = createLogger({
    app: 'projector',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });
  const { telemetry, stop } = await serveTelemetry('projector', {
    port: config.MILLRACE_METRICS_PORT,
    host: config.MILLRACE_METRICS_HOST,
    logger,
  });
  const app = await NestFactory.createApplicationContext(ProjectorModule.with(config, logger, telemetry), {
    logger: new NestLogger(logger),
  });
  const stopAll = (): Promise<void> => app.close().finally(stop);
  stopOnSignal(stopAll, { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
