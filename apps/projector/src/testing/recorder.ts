import { DEFAULT_RETRY_POLICY, NO_TASK, decide, evolve } from '@millrace/domain';
import type { Command, ExistingTask, Fact, TaskSpec, TaskState } from '@millrace/domain';
import { encodeFact, encodeTimer, subjects } from '@millrace/log';
import type { RawMessage } from '@millrace/testing';

const BEGIN_MS = Date.parse('2026-01-01T00:00:00.000Z');
const WORKER = 'worker-1';

/** Writes a stream down instead of appending it; the same script gives the same stream. */
class Recorder {
  readonly messages: RawMessage[] = [];
  readonly #states = new Map<string, TaskState>();
  readonly #waits = new Map<string, Fact>();

  /** One command after the other. */
  live(task_id: string, commands: (Command | ((state: ExistingTask) => Command) | 'fire')[]): void {
    for (const command of commands) {
      const state = this.#states.get(task_id) ?? NO_TASK;
      if (command === 'fire') this.#fire(task_id);
      else this.#do(task_id, state, typeof command === 'function' ? command(state as ExistingTask) : command);
    }
  }

  #do(task_id: string, state: TaskState, command: Command): void {
    const sequence = this.messages.length + 1;
    const now = BEGIN_MS + sequence * 1_000;
    const event = decide(command, state, { now, random: 0.5 });
    if (!event) throw new Error(`${command.type} changes nothing of ${task_id}.`);
    const place = { queue: 'video', task_id, sequence, id: `event-${sequence}` };
    const prev = state.phase === 'none' ? 0 : state.sequence;
    const fact: Fact = { ...event, ...place, prev, at: new Date(now).toISOString(), actor: 'recorder' };
    this.messages.push({ subject: subjects.fact(place, event.kind), body: encodeFact(event, fact) });
    this.#states.set(task_id, evolve(state, fact));
    if (event.kind === 'scheduled') this.#waits.set(task_id, fact);
  }

  #fire(task_id: string): void {
    const wait = this.#waits.get(task_id) as Fact & { kind: 'scheduled' };
    const subject = subjects.due({ queue: 'video', task_id }, wait.data.lane);
    this.messages.push({ subject, body: encodeTimer(wait) });
  }
}

const submission = (changes: Partial<TaskSpec> = {}): Command & { type: 'submit' } => ({
  type: 'submit',
  spec: {
    name: 'render',
    priority: 5,
    retry: { ...DEFAULT_RETRY_POLICY, by_error: { DiskFull: { max_retries: 9 } } },
    soft_time_limit: 1800,
    time_limit: 2400,
    submitted_at: '2026-01-01T00:00:00.000Z',
    ...changes,
  },
  parameters: { film: 'Größe 🎬', cut: [1, 2.5, { deep: null }], nul: 'a\u0000b' },
});
const FULL: Partial<TaskSpec> = {
  expires_at: '2026-02-01T00:00:00.000Z',
  tags: ['night', 'a "quoted" tag'],
  user_id: 'ann',
  correlation_id: 'c1',
  unique_key: 'k1',
  concurrency_key: 'gpu',
};
const claim = (state: ExistingTask): Command => ({
  type: 'claim',
  worker: WORKER,
  ticket: state.phase === 'ready' ? state.ticket : state.sequence + 1,
  after: state.sequence,
});
const running =
  (command: (token: number) => Command) =>
  (state: ExistingTask): Command => {
    if (state.phase !== 'running') throw new Error(`${state.id} is ${state.phase}.`);
    return command(state.run.token);
  };
const error = { name: 'DiskFull', message: 'no disk', stack: 'DiskFull: no disk\n    at write' };
const fail = (retryable: boolean): ((state: ExistingTask) => Command) =>
  running((token) => ({ type: 'fail', token, error, retryable, duration_ms: 12.5 }));
const later = '2026-01-02T00:00:00.000Z';

/** A stream with every kind of fact and fired timers, as the code of today writes it. */
export function recordStream(): RawMessage[] {
  const recorder = new Recorder();
  for (let priority = 0; priority <= 10; priority++)
    recorder.live(`lane-${priority}`, [submission({ priority })]);
  recorder.live('lane-3', [{ type: 'move-to-front' }]);
  recorder.live('retried', [
    submission(FULL),
    claim,
    running((token) => ({ type: 'report-progress', token, progress: { percent: 40, message: 'cutting' } })),
    running((token) => ({ type: 'save-checkpoint', token, state: { at: 7 } })),
    running((token) => ({
      type: 'record-step',
      token,
      step: { name: 'probe', type: 'step', order: 1, result: 1 },
    })),
    fail(true),
    'fire',
    claim,
    running((token) => ({ type: 'succeed', token, result: { ok: true }, duration_ms: 1 })),
  ]);
  recorder.live('delayed', [
    { ...submission(), not_before: later },
    { type: 'cancel', message: 'never mind' },
  ]);
  recorder.live('limited', [
    { ...submission({ concurrency_key: 'gpu' }), limited: true },
    { type: 'grant', slot: true },
    claim,
    running((token) => ({ type: 'yield', token, reason: 'drain' })),
    claim,
    running((token) => ({ type: 'pause', reason: 'asked', token })),
    { type: 'resume' },
    claim,
    fail(false),
  ]);
  recorder.live('redriven', [submission(), claim, fail(false), { type: 'retry', from_start: true }]);
  recorder.live('signalled', [
    submission(),
    claim,
    running((token) => ({ type: 'suspend', token, waiting_for: 'signal:go', duration_ms: 2 })),
    { type: 'carry' },
  ]);
  recorder.live('branched', [
    submission({ branched_from: { task_id: 'retried', sequence: 16, oldest: 13 } }),
  ]);
  recorder.live('cleaned', [
    submission(),
    { type: 'cancel' },
    ({ sequence }) => ({ type: 'clean', seen: sequence }),
  ]);
  return recorder.messages;
}
