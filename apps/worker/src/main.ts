import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  NestLogger,
  createLogger,
  runMain,
  serveTelemetry,
  stopOnSignal,
  surviveStrayRejections,
} from '@millrace/runtime';
import { VERSION, WorkerModule, isHandlerProcess } from '@millrace/worker';
import { workerConfig } from './config.js';
import { loadHandlerModules } from './handler-modules.js';
import { help } from './help.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';
import { workerOptions } from './worker-options.js';

const WRONG_SETTINGS = 2;

await runMain(
  async () => {
    const read = workerConfig(process.argv.slice(2));
    if (read.asked) {
      process.stdout.write(read.asked === 'help' ? help() : `${VERSION}\n`);
      return;
    }
    const { config } = read;
    const logger = createLogger({ app: 'worker', level: config.logLevel, format: config.logFormat });
    surviveStrayRejections(logger);
    const served = await serveTelemetry('worker', {
      // Of a child process its parent tells.
      port: isHandlerProcess() ? undefined : config.metricsPort,
      host: config.metricsHost,
      logger,
    });
    let burstDone: () => void = () => undefined;
    const burst = new Promise<void>((resolve) => (burstDone = resolve));

    @Module({
      imports: [
        ...(await loadHandlerModules(config.handlers)),
        ...(config.webhooks ? [WebhooksModule.with(config.natsUrl)] : []),
        WorkerModule.register({
          ...workerOptions(config, logger),
          ...(served.telemetry && { telemetry: served.telemetry }),
          ...(config.burst && { onQueuesEmpty: burstDone }),
        }),
      ],
    })
    class AppModule {}

    const app = await NestFactory.createApplicationContext(AppModule, {
      logger: new NestLogger(logger),
      abortOnError: false,
    });
    // Its parent decides when it ends.
    if (isHandlerProcess()) return;
    const stopAll = (): Promise<void> => app.close().finally(served.stop);
    const stop = stopOnSignal(stopAll, { logger, supervised: config.supervised !== undefined });
    await burst;
    stop('burst done');
  },
  { exitCodeOfBadConfig: WRONG_SETTINGS },
);
