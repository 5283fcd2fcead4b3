import { DEFAULT_RETRY_POLICY, NO_TASK, decide, evolve, hasEnded } from '@millrace/domain';
import type { Command, ExistingTask, Json, TaskSpec, TaskState } from '@millrace/domain';
import { subjects } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';

const QUEUES = ['video', 'mail'];
/** Enough for timers to fire while their task still waits, and for others to be ended before. */
const RETRY_DELAY_MS = 60;
const LONG: Json = 'x'.repeat(9_000);

/** Lets tasks live on a real log, many at once, through retries, takeovers, pauses, checkpoints and cancels, until they end. */
export class BusyLog {
  #stopped = false;
  #facts = 0;
  #submitted = 0;

  constructor(
    private readonly log: TaskLog,
    private readonly name: string,
  ) {}

  get facts(): number {
    return this.#facts;
  }

  get tasks(): number {
    return this.#submitted;
  }

  /**
   * Resolves when all tasks have ended, or {@link stop} was called and those in hand have; and when the timers of waits that ended before
   * them have fired: the log is as long then as it will be.
   */
  async run(tasks: number, atOnce: number): Promise<void> {
    const next = async (): Promise<void> => {
      while (!this.#stopped && this.#submitted < tasks) await this.#live(`${this.name}-${this.#submitted++}`);
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    await waitUntil(async () => !(await this.log.admin.hasMessages(subjects.allTimers)), {
      what: 'the last timers',
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  async #live(task_id: string): Promise<void> {
    const queue = QUEUES[this.#submitted % QUEUES.length] ?? '';
    let state: TaskState = NO_TASK;
    while (!hasEnded(state)) {
      const command = commandFor(state);
      const event = decide(command, state, { now: Date.now(), random: Math.random() });
      if (!event) continue;
      const expected = state.phase === 'none' ? 0 : state.sequence;
      const wait = state.phase === 'scheduled' && Math.random() < 0.5 ? { endsWait: expected } : {};
      const fact = await this.log.append({ queue, task_id }, expected, event, { actor: 'test', ...wait });
      this.#facts++;
      state = evolve(state, fact);
      if (state.phase === 'scheduled' && Math.random() < 0.5)
        await new Promise((go) => setTimeout(go, 2 * RETRY_DELAY_MS));
    }
  }
}

function commandFor(state: TaskState): Command {
  switch (state.phase) {
    case 'none':
      return submission();
    case 'ready':
      return chosen<Command>([
        [8, { type: 'claim', worker: workerId(), ticket: state.ticket }],
        [1, { type: 'change-priority', priority: Math.floor(Math.random() * 11) }],
        [1, { type: 'move-to-front' }],
        [0.5, { type: 'pause', reason: 'asked' }],
        [0.5, { type: 'cancel' }],
      ]);
    case 'scheduled':
    case 'held':
      return chosen<Command>([
        [8, { type: 'claim', worker: workerId(), ticket: state.sequence + 1, after: state.sequence }],
        [1, { type: 'carry' }],
        [0.5, { type: 'cancel' }],
      ]);
    case 'running':
      return whileRunning(state);
    case 'paused':
    case 'succeeded':
    case 'failed':
    case 'cancelled':
    case 'cleaned':
      return { type: 'resume' };
  }
}

function whileRunning(state: ExistingTask & { phase: 'running' }): Command {
  const { token, ticket } = state.run;
  const error = { name: 'Error', message: 'no \u0000 disk', stack: 'at "here"' };
  const failed = { error, duration_ms: 1.5, delay_ms: RETRY_DELAY_MS };
  return chosen<Command>([
    [4, { type: 'succeed', token, result: { ok: true }, duration_ms: 1 }],
    [3, { type: 'report-progress', token, progress: { percent: 10 } }],
    [2, { type: 'save-checkpoint', token, state: { at: 1 } }],
    [1, { type: 'record-step', token, step: { name: 'probe', type: 'step', order: 1, result: 1 } }],
    [2, { type: 'fail', token, retryable: true, ...failed }],
    [0.3, { type: 'fail', token, retryable: false, ...failed }],
    [1, { type: 'yield', token, reason: 'drain' }],
    [1, { type: 'take-over', worker: workerId(), ticket, seen: state.sequence }],
    [0.5, { type: 'pause', reason: 'asked', token }],
    [0.5, { type: 'repair-ticket', seen: state.sequence }],
  ]);
}

function submission(): Command {
  const spec: TaskSpec = {
    name: 'render',
    priority: Math.floor(Math.random() * 11),
    retry: DEFAULT_RETRY_POLICY,
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: new Date().toISOString(),
    ...(Math.random() < 0.2 && { tags: ['night', 'a "quoted" tag'], user_id: 'ann' }),
  };
  const later = Math.random() < 0.1 && { not_before: new Date(Date.now() + RETRY_DELAY_MS).toISOString() };
  return { type: 'submit', spec, parameters: Math.random() < 0.1 ? LONG : { film: 'a.mov' }, ...later };
}

const workerId = (): string => `worker-${crypto.randomUUID().slice(0, 8)}`;

function chosen<T>(weighted: [weight: number, value: T][]): T {
  const total = weighted.reduce((sum, [weight]) => sum + weight, 0);
  let left = Math.random() * total;
  for (const [weight, value] of weighted) if ((left -= weight) < 0) return value;
  return (weighted[0] as [number, T])[1];
}
