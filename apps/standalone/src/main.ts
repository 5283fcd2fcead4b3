import { EmbeddedServerError } from '@millrace/embedded';
import { ConfigError } from '@millrace/runtime';
import { readStandaloneConfig } from './config.js';
import { Output } from './output.js';
import { Standalone } from './standalone.js';

/**
 * npm passes a Ctrl-C on that the terminal has sent to all of us already; only what comes later is a second wish.
 */
const SAME_WISH_MS = 500;

async function main(): Promise<void> {
  const config = readStandaloneConfig();
  const output = new Output(process.stdout, process.stdout.isTTY && config.mayColour);
  const standalone = new Standalone(config, output);
  stopOnSignals(standalone, output);
  await standalone.start();
}

function stopOnSignals(standalone: Standalone, output: Output): void {
  let firstAt: number | undefined;
  const onSignal = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      output.plain('\nStopping everything; Ctrl-C once more kills it.');
      void standalone.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          fail(error);
        },
      );
    } else if (performance.now() - firstAt > SAME_WISH_MS) {
      void standalone.kill().finally(() => process.exit(1));
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

function fail(error: unknown): never {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(1);
}

/** Known faults are sentences for the operator; a stack is for us. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('\n');
  if (error instanceof ConfigError || error instanceof EmbeddedServerError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

await main().catch(fail);
