import { ConfigError } from './config.js';
import type { Logger } from './logging.js';

/**
 * How an app is to be started. What is under way lives for some milliseconds: with V8's default of 16 MiB for young objects much of it is
 * copied twice before it dies. Grows only under load.
 */
export const NODE_ARGUMENTS: readonly string[] = ['--max-semi-space-size=64'];

/** Ends the process by force when a clean stop takes longer. */
const FORCE_AFTER_MS = 60_000;

/**
 * Stops an app once on SIGTERM, SIGINT or the end of its supervisor, then exits 0. A second signal exits at once.
 *
 * @param supervised whether the parent process watches over this one by an IPC channel
 * @returns stops it for a reason of its own, as a signal would
 */
export function stopOnSignal(
  stop: () => Promise<void>,
  options: { logger: Logger; supervised: boolean },
): (reason: string) => void {
  const { logger, supervised } = options;
  let stopping = false;
  const begin = (reason: string): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ reason }, 'Stopping');
    setTimeout(() => process.exit(1), FORCE_AFTER_MS).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'The stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', begin);
  process.on('SIGINT', begin);
  if (supervised)
    process.on('disconnect', () => {
      begin('supervisor gone');
    });
  return begin;
}

/**
 * For a process that runs other people's code beside each other. A promise of one task that rejects with nobody waiting for it is logged and
 * ends nothing: Node would end the process, and all other tasks with it. An exception that nobody could catch, thrown in a timer or by an
 * emitter, may have left anything half done: it does end the process, and the log says why.
 */
export function surviveStrayRejections(logger: Logger): void {
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'A promise failed that nobody waits for');
  });
  process.on('uncaughtExceptionMonitor', (error) => {
    logger.fatal({ err: error }, 'An exception that nobody caught ends the process');
  });
}

/**
 * Runs an app's main function: a fault in the configuration is told without a stack.
 *
 * @param exitCodeOfBadConfig defaults to 1, as that of every other failure
 */
export async function runMain(
  main: () => Promise<void>,
  { exitCodeOfBadConfig = 1 }: { exitCodeOfBadConfig?: number } = {},
): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(
      error instanceof ConfigError
        ? `${error.message}\n`
        : `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(error instanceof ConfigError ? exitCodeOfBadConfig : 1);
  }
}
