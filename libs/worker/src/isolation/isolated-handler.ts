import type { Json } from '@millrace/domain';
import { lineLogger } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import { AttemptContext } from '../execution/attempt-context.js';
import type { AttemptFacts } from '../execution/attempt-context.js';
import type { Attempt } from '../execution/attempt.js';
import type { AttemptPort } from '../execution/attempt-port.js';
import { TimeLimitExceeded, UnrecoverableError } from '../errors.js';
import { parametersFor } from '../handlers/handler.js';
import type { Handler } from '../handlers/handler.js';
import { RemotePort, linkTo } from './attempt-link.js';
import type { ProcessPool } from './process-pool.js';
import { serveIsolatedRuns } from './serve-isolated-runs.js';

/** What a child is told of the handler that it is to run. */
interface Job {
  handler: string;
  facts: AttemptFacts;
  parameters: Json;
}

/** A handler that was told to stop has so long to end by itself; after its hard time limit it has nothing. */
const LAST_WORDS_MS = 2_000;
/** Set in the environment of a child. */
const MARK = 'MILLRACE_HANDLER_PROCESS';

/** Whether this process was started to run handlers in isolation: a program that also does other things leaves them to its parent. */
// eslint-disable-next-line no-restricted-syntax -- no setting of anybody's: how a parent marks its child
export const isHandlerProcess = (): boolean => process.env[MARK] === '1';

/** The program that is running, started once more as a child that runs handlers. */
export const ownProgram = () => ({
  file: process.argv[1] ?? '',
  args: process.argv.slice(2),
  env: { ...process.env, [MARK]: '1' },
});

/** In the worker: runs the handler of an attempt in a child, and ends the child's run with the attempt. */
export async function runIsolated(
  pool: ProcessPool,
  attempt: Attempt,
  handler: Handler,
  given: { facts: AttemptFacts; parameters: Json; port: AttemptPort; loggerOf: () => Logger },
): Promise<unknown> {
  const { facts, parameters, port, loggerOf } = given;
  const job: Job = { handler: handler.name, facts, parameters };
  // As it will be read: what is undefined stays away.
  const run = pool.run(JSON.parse(JSON.stringify(job)) as Json, linkTo(port, loggerOf));
  const { signal } = attempt;
  const abort = (): void => run.abort(signal.reason as Error);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  void attempt.interrupted.then((by) => {
    const lastWordsMs = by instanceof TimeLimitExceeded ? 0 : LAST_WORDS_MS;
    setTimeout(() => run.kill(by), lastWordsMs).unref();
  });
  return run.result;
}

/** In the child: runs what it is told to, with the context that the handler would have in the worker itself. */
export function serveHandlers(handlers: ReadonlyMap<string, Handler>, level: string): void {
  serveIsolatedRuns((given, remote, signal) => {
    const { handler: name, facts, parameters } = given as unknown as Job;
    const handler = handlers.get(name);
    if (!handler) throw new UnrecoverableError(`The handler process has no handler for ${name}.`);
    const params = parametersFor(handler, parameters);
    // Lost with the run, if it ends meanwhile: nobody waits for a line.
    const tell = (line: string): void => void remote.call('log', line).catch(() => undefined);
    const loggerOf = (): Logger => lineLogger(level, tell);
    return handler.invoke(new AttemptContext(facts, params, new RemotePort(remote), () => signal, loggerOf));
  });
}
