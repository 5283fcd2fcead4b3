import { isDeepStrictEqual } from 'node:util';
import type { Drift, HandlerRecord, TaskLog } from '@millrace/log';
import { recordOf } from './handler.js';
import type { DefaultLimits, Handler } from './handler.js';

/**
 * Makes the queues that are not there and tells the gateway what can be run here.
 *
 * @returns what on the broker is set up differently from what this version expects
 */
export async function register(
  log: TaskLog,
  handlers: Iterable<Handler>,
  queues: string[],
  defaults: DefaultLimits,
): Promise<Drift[]> {
  const drifts = await Promise.all(queues.map((queue) => log.provisionQueue(queue, 'worker')));
  await Promise.all(
    Array.from(handlers, async (handler) => {
      // As it will be read back, for the comparison.
      const record = JSON.parse(JSON.stringify(recordOf(handler, defaults))) as HandlerRecord;
      const known = await log.buckets.handlers.get(handler.name);
      if (!isDeepStrictEqual(known?.value, record)) await log.buckets.handlers.put(handler.name, record);
    }),
  );
  return drifts.flat();
}
