import { DEFAULT_RETRY_POLICY, NO_TASK, decide, evolve, isRefusal } from '@millrace/domain';
import type { Command, ExistingTask, Fact, Json, TaskEvent, TaskSpec, TaskState } from '@millrace/domain';
import type { LogMessage } from '../projections/log-message.js';

export interface RandomLog {
  messages: LogMessage[];
  /** The states at the end, by task, as the domain folds them. */
  states: Map<string, ExistingTask>;
}

const BEGIN_MS = Date.parse('2026-01-01T00:00:00.000Z');
const QUEUES = ['video', 'mail'];

/** What people put into parameters, errors and results. The NUL and the half pair are what `jsonb` would refuse. */
const VALUES: Json[] = [
  null,
  { film: 'a.mov', cut: [1, 2.5, { deep: null }] },
  'quotes " and \\ backslashes, {braces}, NULL',
  { nul: 'a\u0000b', half: '\ud83d', pair: '🎬', line: 'a\nb' },
  'x'.repeat(9000),
  { ['__proto__']: 1, '': '' },
];
const TEXTS = ['plain', 'with "quotes" and \\', 'Größe 🎬', 'a,b {c} NULL', ''];

/**
 * A log of several tasks that live through whatever the domain allows, one message after the other: facts, fired timers (some void, some
 * twice), junk, and gaps where timers and asks would be. The same seed gives the same log; with `forkAt`, the same up to that move.
 */
export function randomLog(seed: number, { tasks = 6, moves = 120, forkAt = Infinity } = {}): RandomLog {
  const [first, forked] = [randomNumbers(seed), randomNumbers(seed + 1)];
  let isForked = false;
  const random = (): number => (isForked ? forked() : first());
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const states = new Map<string, ExistingTask>();
  const messages: LogMessage[] = [];
  let sequence = 0;
  let now = BEGIN_MS;
  const append = (id: string, state: TaskState, event: TaskEvent): void => {
    const writer = isForked ? 'forked' : 'first';
    const fact = factOf(event, { id, state, sequence, now, writer, queue: pick(QUEUES) });
    messages.push(messageOf(fact));
    const after = evolve(state, fact);
    if (after.phase !== 'none') states.set(id, after);
  };
  for (let move = 0; move < moves; move++) {
    isForked = move >= forkAt;
    sequence += 1 + Math.floor(random() * 2);
    now += Math.floor(random() * 5000);
    const id = `task-${Math.floor(random() * tasks)}`;
    const state = states.get(id) ?? NO_TASK;
    if (random() < 0.03) messages.push({ type: 'junk', sequence, fingerprint: () => `junk ${sequence}` });
    else if (state.phase === 'scheduled' && random() < 0.5)
      messages.push(dueOf(state, sequence, random() < 0.8 ? state.sequence : 1, now));
    else {
      const event = judged(commandFor(state, pick, random, now), state, now, random());
      if (event) append(id, state, event);
    }
  }
  return { messages, states };
}

/** The message by which the log says a fact. */
export const messageOf = (fact: Fact): LogMessage => ({
  type: 'fact',
  sequence: fact.sequence,
  fingerprint: () => fact.id,
  fact,
  data: JSON.stringify(fact.data),
});

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Place {
  id: string;
  state: TaskState;
  sequence: number;
  now: number;
  queue: string;
  writer: string;
}

const factOf = (event: TaskEvent, { id, state, sequence, now, queue, writer }: Place): Fact => ({
  ...event,
  queue: state.phase === 'none' ? queue : state.queue,
  task_id: id,
  sequence,
  id: `${writer}-${sequence}`,
  prev: state.phase === 'none' ? 0 : state.sequence,
  at: new Date(now).toISOString(),
  actor: 'test',
});

const dueOf = (state: ExistingTask, sequence: number, after: number, now: number): LogMessage => ({
  type: 'due',
  sequence,
  fingerprint: () => `due ${sequence}`,
  due: { task_id: state.id, sequence, after, at: new Date(now).toISOString() },
});

function judged(command: Command, state: TaskState, now: number, random: number): TaskEvent | undefined {
  try {
    return decide(command, state, { now, random });
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

function commandFor(
  state: TaskState,
  pick: <T>(values: readonly T[]) => T,
  random: () => number,
  now: number,
): Command {
  if (state.phase === 'none') return submission(pick, random, now);
  const worker = `worker-${Math.floor(random() * 3)}`;
  const error = { name: 'Error', message: pick(TEXTS), ...(random() < 0.5 && { stack: pick(TEXTS) }) };
  if (state.phase === 'running') {
    const { token } = state.run;
    return pick<Command>([
      { type: 'report-progress', token, progress: { percent: 50, message: pick(TEXTS) } },
      { type: 'report-progress', token, progress: {} },
      { type: 'save-checkpoint', token, state: pick(VALUES) },
      { type: 'record-step', token, step: { name: 'probe', type: 'step', order: 1, result: pick(VALUES) } },
      { type: 'suspend', token, until: new Date(now + 1000).toISOString(), duration_ms: 2 },
      { type: 'suspend', token, waiting_for: 'signal:go', duration_ms: 2 },
      { type: 'yield', token, reason: 'drain' },
      { type: 'succeed', token, result: pick(VALUES), duration_ms: 1 },
      { type: 'fail', token, error, retryable: random() < 0.8, duration_ms: 12.5 },
      { type: 'fail', token, error, retryable: true, duration_ms: 3 },
      { type: 'take-over', worker: `${worker}-next`, ticket: state.run.ticket, seen: state.sequence },
      { type: 'repair-ticket', seen: state.sequence },
      { type: 'pause', reason: pick(TEXTS), token },
      { type: 'cancel', message: pick(TEXTS), token },
    ]);
  }
  return pick<Command>([
    { type: 'claim', worker, ticket: state.phase === 'ready' ? state.ticket : 0, after: state.sequence },
    { type: 'claim', worker, ticket: state.phase === 'ready' ? state.ticket : 0, after: state.sequence },
    { type: 'claim', worker, ticket: state.phase === 'ready' ? state.ticket : 0 },
    { type: 'resume' },
    { type: 'retry', from_start: random() < 0.5 },
    { type: 'change-priority', priority: Math.floor(random() * 11) },
    { type: 'move-to-front' },
    { type: 'claim', worker, ticket: state.phase === 'ready' ? state.ticket : 0, limited: true },
    { type: 'grant', slot: random() < 0.5 },
    { type: 'place', lane: 'front', rank: random() },
    { type: 'reschedule', until: new Date(now + 1000).toISOString() },
    { type: 'cancel', operation: 'op' },
    { type: 'restore', operation: 'op' },
    { type: 'pause', reason: pick(TEXTS) },
    { type: 'release', waiting_for: 'signal:go' },
    { type: 'carry' },
    random() < 0.2 ? { type: 'cancel' } : { type: 'carry' },
    random() < 0.2 ? { type: 'clean', seen: state.sequence } : { type: 'carry' },
    { type: 'expire' },
  ]);
}

function submission(pick: <T>(values: readonly T[]) => T, random: () => number, now: number): Command {
  const later = (): string => new Date(now + Math.floor(random() * 60_000)).toISOString();
  const spec: TaskSpec = {
    name: pick(['render', 'send']),
    priority: Math.floor(random() * 11),
    retry: { ...DEFAULT_RETRY_POLICY, jitter: random() < 0.5 },
    soft_time_limit: 0.5,
    time_limit: 2400,
    submitted_at: new Date(now).toISOString(),
    ...(random() < 0.3 && { expires_at: later() }),
    ...(random() < 0.5 && { tags: [pick(TEXTS), pick(TEXTS)] }),
    ...(random() < 0.1 && { tags: [] }),
    ...(random() < 0.5 && { user_id: pick(TEXTS) }),
    ...(random() < 0.5 && { correlation_id: pick(TEXTS) }),
    ...(random() < 0.2 && { unique_key: pick(TEXTS) }),
    ...(random() < 0.2 && { concurrency_key: pick(TEXTS) }),
    ...(random() < 0.1 && { branched_from: { task_id: 'origin', sequence: 1, oldest: 1 } }),
  };
  return {
    type: 'submit',
    spec,
    parameters: pick(VALUES),
    limited: random() < 0.2,
    ...(random() < 0.3 && { not_before: later() }),
  };
}
