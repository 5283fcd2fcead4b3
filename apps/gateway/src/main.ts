import { createLogger, runMain, stopOnSignal } from '@millrace/runtime';
import { readGatewayConfig } from './config.js';
import { startGateway } from './gateway.js';

await runMain(async () => {
  const config = readGatewayConfig();
  const logger = createLogger({
    app: 'gateway',
    level: config.MILLRACE_LOG_LEVEL,
    format: config.MILLRACE_LOG_FORMAT,
  });
  const gateway = await startGateway(config, logger);
  stopOnSignal(() => gateway.stop(), { logger, supervised: config.MILLRACE_SUPERVISED !== undefined });
});
