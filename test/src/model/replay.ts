import type { Fact } from '@millrace/domain';
import { decodeDue, decodeFact, parseSubject, streams, subjects } from '@millrace/log';
import type { StoredMessage, TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { lastTaskSequence } from '../audit/read-facts.js';
import type { Effect } from './one-slot-worker.js';
import type { Player } from './player.js';
import type { Step, StepOfTask } from './steps.js';

/** What is in the log, as steps of the model; what the player was granted is told as what it had asked for. */
export async function readSteps(log: TaskLog, player: Player, others: readonly Step[]): Promise<Step[]> {
  const messages: StoredMessage[] = [];
  const last = await lastTaskSequence(log);
  const follower = log.follow({
    stream: streams.tasks.name,
    from: 1,
    filters: [subjects.allTasks],
    onMessages: (more) => void messages.push(...more),
  });
  await waitUntil(() => (messages.at(-1)?.sequence ?? 0) >= last, { what: `the log up to ${last}` });
  await follower.stop();
  const asks = [...player.asked].map(([sequence, id]): Step => ({ sequence, id, by: 'ask' }));
  return [
    ...messages.flatMap((message) => stepOf(message, player)),
    ...asks,
    ...player.positions.steps,
    ...others,
  ].sort((one, other) => one.sequence - other.sequence);
}

function stepOf({ subject, sequence, payload, storedAtMs: at }: StoredMessage, player: Player): StepOfTask[] {
  const place = parseSubject(subject);
  if (place.type === 'due') {
    const { after } = decodeDue(place, sequence, payload);
    return [{ sequence, id: place.task_id, by: 'timer', after, lane: place.lane, at }];
  }
  const fact = decodeFact(subject, sequence, payload);
  if (!fact) return [];
  const granted = player.granted.get(sequence);
  if (granted) return [{ sequence, id: fact.task_id, by: 'wish', ...granted }];
  return [{ sequence, id: fact.task_id, by: 'worker', fact }];
}

/** Whether each start had one effect: none had two, and only those of a worker that died may have none. */
export function doubleEffects(
  effects: readonly Effect[],
  steps: readonly Step[],
  isDead: (worker: string) => boolean,
): string[] {
  const faults: string[] = [];
  const starts = new Map<number, Fact & { kind: 'started' }>();
  for (const step of steps)
    if (step.by === 'worker' && step.fact.kind === 'started') starts.set(step.sequence, step.fact);
  const seen = new Set<number>();
  for (const { id, attempt, token } of effects) {
    const start = starts.get(token);
    if (seen.has(token)) faults.push(`${id} ran attempt ${attempt} twice`);
    if (start?.task_id !== id || start.data.attempt !== attempt)
      faults.push(`${id} ran attempt ${attempt} without a start at ${token}`);
    seen.add(token);
  }
  for (const [token, start] of starts)
    if (!seen.has(token) && !isDead(start.data.worker))
      faults.push(`${start.task_id} never ran its attempt ${start.data.attempt}`);
  return faults;
}
