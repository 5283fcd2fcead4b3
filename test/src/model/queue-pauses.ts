import { setTimeout as sleep } from 'node:timers/promises';
import { settlePause } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { lastTaskSequence } from '../audit/read-facts.js';
import type { Step } from './steps.js';

/** A pause must have taken effect by then. */
const EFFECT_WITHIN_MS = 1_000;
const PAUSED_MS = 700;

/** Pauses a queue for a while and lets it go on; resolves with what the model is to know of it. */
export async function pauseForAWhile(log: TaskLog, queue: string): Promise<Step[]> {
  await change(log, queue, 'paused');
  await sleep(EFFECT_WITHIN_MS);
  const from = await lastTaskSequence(log);
  await sleep(PAUSED_MS);
  const to = await lastTaskSequence(log);
  await change(log, queue, 'resumed');
  return [
    { sequence: from + 0.5, by: 'queue', word: 'paused' },
    { sequence: to + 0.5, by: 'queue', word: 'resumed' },
  ];
}

/** As the gateway does it: first the record, then the lanes. */
async function change(log: TaskLog, queue: string, verb: 'paused' | 'resumed'): Promise<void> {
  const entry = await log.buckets.queues.get(queue);
  if (!entry) throw new Error(`There is no queue ${queue}.`);
  const { paused: _, ...record } = entry.value;
  const said = { at: new Date().toISOString(), actor: 'api:model' };
  const changed = { ...record, ...(verb === 'paused' && { paused: said }), announce: { verb, ...said } };
  const isWritten = await log.buckets.queues.update(queue, changed, entry.revision);
  if (isWritten === undefined) await change(log, queue, verb);
  else await settlePause(log, queue);
}
