import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { NestLogger, createLogger, runMain, stopOnSignal } from '@millrace/runtime';
import { readProjectorConfig } from './config.js';
import { ProjectorModule } from './projector.module.js';

await runMain(async () => {
  const config = readProjectorConfig();
  const logger = createLogger({
    app: 'projector',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });
  const app = await NestFactory.createApplicationContext(ProjectorModule.with(config, logger), {
    logger: new NestLogger(logger),
  });
  stopOnSignal(() => app.close(), { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
