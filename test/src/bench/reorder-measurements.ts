import type { BenchSystem } from './bench-system.js';
import { QUEUES } from './bench-handlers.js';
import { pipelined, quantiles, submitToLog } from './load.js';
import { SIZES } from './measurements.js';
import type { Measurement } from './measurements.js';

const FRONT_SAMPLES = 20;
const DEEP_POSITION = 1_000;
/** The tasks that are moved stand in the middle. */
const OFFSET = 50_000;

/** Reorders over HTTP among many waiting tasks: to the very front, and to the last position that can be asked for. */
export const reorder: Measurement = async (system) => {
  const ids: string[] = [];
  await pipelined(SIZES.waiting, 2_000, async () => {
    ids.push((await submitToLog(system.log, QUEUES.reorder)).task_id);
  });
  await system.projected((await system.log.admin.state()).lastSequence);
  const front: number[] = [];
  for (let i = 0; i < FRONT_SAMPLES; i++) front.push(await moved(system, ids[OFFSET + i] ?? '', 0));
  // Only the first one has to move all that is ahead of it.
  const deep = await moved(system, ids[OFFSET + FRONT_SAMPLES] ?? '', DEEP_POSITION);
  const [p50 = NaN, slowest = NaN] = quantiles(front, 0.5, 1);
  return [
    { name: 'reorder to 0, p50', unit: 'ms', value: p50 },
    { name: 'reorder to 0, slowest', unit: 'ms', value: slowest },
    { name: `reorder to ${DEEP_POSITION}`, unit: 'ms', value: deep },
  ];
};

/** Moves a waiting task to a position. Resolves with the milliseconds until the answer. */
export async function moved({ http, headers }: BenchSystem, id: string, position: number): Promise<number> {
  const since = performance.now();
  const { statusCode, body } = await http.request({
    path: `/api/v1/tasks/${id}/reorder`,
    method: 'POST',
    headers,
    body: JSON.stringify({ position }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`The reorder answered ${statusCode}: ${text}`);
  return performance.now() - since;
}
