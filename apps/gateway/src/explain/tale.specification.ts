import { DEFAULT_RETRY_POLICY, NO_TASK, decide, evolve } from '@millrace/domain';
import type { Command, ExistingTask, Fact, TaskError, TaskSpec, TaskState } from '@millrace/domain';
import type { QueueRecord, WorkerRecord } from '@millrace/log';
import { workerExamples } from '../workers/workers.schema.js';
import { UNKNOWN } from './situation.js';
import type { Situation } from './situation.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');

/** So many seconds after the beginning of every tale. */
export const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

const SPEC: TaskSpec = {
  name: 'render',
  priority: 5,
  retry: { ...DEFAULT_RETRY_POLICY, jitter: false },
  soft_time_limit: 1800,
  time_limit: 2400,
  submitted_at: at(0),
};

/** What happened to a task, told by commands: a second and a sequence for each. */
export class Tale {
  readonly facts: Fact[] = [];
  #state: TaskState = NO_TASK;

  constructor(spec: Partial<TaskSpec> = {}, more: { not_before?: string; limited?: boolean } = {}) {
    this.then({ type: 'submit', spec: { ...SPEC, ...spec }, parameters: {}, ...more }, 'api:ann');
  }

  get state(): ExistingTask {
    if (this.#state.phase === 'none') throw new Error('Nothing has happened yet.');
    return this.#state;
  }

  then(command: Command, actor = 'api:ops'): this {
    const sequence = this.facts.length + 1;
    const context = { now: START + sequence * 1000, random: 0 };
    const event = decide(command, this.#state, context);
    if (!event) throw new Error(`${command.type} changes nothing here.`);
    const place = { queue: 'films', task_id: 't1', sequence, id: `e${sequence}`, prev: sequence - 1 };
    const fact = { ...event, ...place, at: at(sequence), actor };
    this.facts.push(fact);
    this.#state = evolve(this.#state, fact);
    return this;
  }

  /** By the ticket, or by the fired timer. */
  start(worker = 'w1'): this {
    const { state } = this;
    const due = state.phase === 'scheduled' ? { ticket: state.sequence + 1, after: state.sequence } : {};
    const ticket = state.phase === 'ready' ? state.ticket : 0;
    return this.then({ type: 'claim', worker, ticket, ...due }, `worker:${worker}`);
  }

  fail(message: string, retryable = true, error: Partial<TaskError> = {}): this {
    return this.#run({
      type: 'fail',
      error: { name: 'Error', message, ...error },
      retryable,
      duration_ms: 5,
    });
  }

  succeed(): this {
    return this.#run({ type: 'succeed', result: 1, duration_ms: 5 });
  }

  yield(): this {
    return this.#run({ type: 'yield', reason: 'the worker stops' });
  }

  suspend(wait: { until?: string; waiting_for?: string }): this {
    return this.#run({ type: 'suspend', duration_ms: 5, ...wait });
  }

  takeOver(worker: string): this {
    const ticket = this.state.phase === 'running' ? this.state.run.ticket : 0;
    return this.then({ type: 'take-over', worker, ticket, seen: this.state.sequence }, `worker:${worker}`);
  }

  #run(command: WithoutToken<Command>): this {
    const run = this.state.phase === 'running' ? this.state.run : undefined;
    return this.then({ ...command, token: run?.token ?? 0 }, `worker:${run?.worker}`);
  }
}

type WithoutToken<T> = T extends { token: number } ? Omit<T, 'token'> : never;

/** What is known while nothing is special: one idle worker that can run the task, and nobody before it. */
export const situationOf = (tale: Tale, more: Partial<Situation> = {}): Situation => ({
  now: START + 60_000,
  state: tale.state,
  history: { facts: tale.facts, isCut: false },
  queue: { name: 'films', defined_by: 'worker' },
  workers: [worker('w1')],
  ahead: 0,
  timer: 'armed',
  slots: UNKNOWN,
  isRunByWorker: tale.state.phase === 'running' ? true : UNKNOWN,
  progress: null,
  pauseAsk: null,
  leaders: new Map([
    ['limits', at(0)],
    ['sweeper', at(0)],
  ]),
  ...more,
});

export const worker = (worker_id: string, more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...workerExamples.one,
  worker_id,
  queues: ['films'],
  handlers: ['render'],
  unsuited_handlers: [],
  labels: {},
  slots: 2,
  running: [],
  running_count: 0,
  last_seen: at(58),
  ...more,
});

/** A worker whose slots are all taken. */
export const busyWorker = (worker_id: string, taskId: string, since: string): WorkerRecord =>
  worker(worker_id, {
    running: [{ task_id: taskId, task_name: 'render', queue: 'films', attempt: 1, started_at: since }],
    running_count: 2,
  });

export const filmsWith = (settings: NonNullable<QueueRecord['settings']>): QueueRecord => ({
  name: 'films',
  defined_by: 'api:ops',
  settings,
});

/** A task that waits for a slot. */
export const heldTale = (): Tale => new Tale({ concurrency_key: 'acme' }, { limited: true });
