import type { Command, Fact, Json, Progress } from '@millrace/domain';
import type { HandlerRecord, TaskLog } from '@millrace/log';

/** Plays the worker: takes tasks through their life by facts alone. */
export class TaskDriver {
  constructor(
    readonly log: TaskLog,
    private readonly worker = 'worker-1',
  ) {}

  /** Registers a handler as a worker does at its start. */
  async register(record: HandlerRecord): Promise<void> {
    await this.log.buckets.handlers.put(record.name, record);
    await this.log.buckets.queues.create(record.queue, { name: record.queue, defined_by: 'worker' });
  }

  async start(taskId: string): Promise<Fact> {
    const state = await this.log.read.task({ task_id: taskId });
    if (state.phase !== 'ready') throw new Error(`The task ${taskId} is ${state.phase}.`);
    return this.#do(taskId, { type: 'claim', worker: this.worker, ticket: state.ticket });
  }

  /** Claims the task as a worker does in a queue with limits: it waits for a slot. */
  async hold(taskId: string): Promise<Fact> {
    const state = await this.log.read.task({ task_id: taskId });
    if (state.phase !== 'ready') throw new Error(`The task ${taskId} is ${state.phase}.`);
    const { ticket } = state;
    return this.#do(taskId, { type: 'claim', worker: this.worker, ticket, limited: true });
  }

  /** Gives a task that waits for a slot one, as the scheduler does. */
  async grant(taskId: string): Promise<Fact> {
    return this.#do(taskId, { type: 'grant', slot: true });
  }

  /** Starts the attempt whose wait is over, as if its timer had fired. */
  async due(taskId: string): Promise<Fact> {
    const state = await this.log.read.task({ task_id: taskId });
    if (state.phase !== 'scheduled') throw new Error(`The task ${taskId} is ${state.phase}.`);
    const { sequence: after } = state;
    return this.#do(taskId, { type: 'claim', worker: this.worker, ticket: after + 1, after });
  }

  async report(taskId: string, progress: Progress): Promise<Fact> {
    return this.#do(taskId, { type: 'report-progress', token: await this.#token(taskId), progress });
  }

  async succeed(taskId: string, result: Json): Promise<Fact> {
    const token = await this.#token(taskId);
    return this.#do(taskId, { type: 'succeed', token, result, duration_ms: 5 });
  }

  /** Fails the attempt; for good unless it is retryable. */
  async fail(taskId: string, message: string, retryable = false, name = 'Error'): Promise<Fact> {
    const token = await this.#token(taskId);
    const error = { name, message, stack: `${name}: ${message}\n    at work` };
    return this.#do(taskId, { type: 'fail', token, error, retryable, duration_ms: 5 });
  }

  /** Ends the attempt by a wait. */
  async waitFor(taskId: string, waiting_for: string): Promise<Fact> {
    return this.#do(taskId, {
      type: 'suspend',
      token: await this.#token(taskId),
      waiting_for,
      duration_ms: 5,
    });
  }

  /** Gives the task back unharmed. */
  async yield(taskId: string): Promise<Fact> {
    return this.#do(taskId, { type: 'yield', token: await this.#token(taskId), reason: 'drain' });
  }

  /** @param steps those before it that still count */
  async checkpoint(taskId: string, state: Json, steps: Record<string, number> = {}): Promise<Fact> {
    return this.#do(taskId, { type: 'save-checkpoint', token: await this.#token(taskId), state, steps });
  }

  /** @param before the steps before it since the checkpoint */
  async step(taskId: string, name: string, result: Json, before: number[] = []): Promise<Fact> {
    const step = { name, type: 'step', order: before.length + 1, result, before, duration_ms: 5 } as const;
    return this.#do(taskId, { type: 'record-step', token: await this.#token(taskId), step });
  }

  /** Another worker finds this one dead and goes on. */
  async takeOver(taskId: string, worker: string): Promise<Fact> {
    const state = await this.log.read.task({ task_id: taskId });
    if (state.phase !== 'running') throw new Error(`The task ${taskId} is ${state.phase}.`);
    return this.#do(taskId, { type: 'take-over', worker, ticket: state.run.ticket, seen: state.sequence });
  }

  async pause(taskId: string): Promise<Fact> {
    return this.#do(taskId, { type: 'pause', reason: 'asked' });
  }

  async clean(taskId: string): Promise<Fact> {
    const state = await this.log.read.task({ task_id: taskId });
    return this.#do(taskId, { type: 'clean', seen: state.phase === 'none' ? 0 : state.sequence });
  }

  async #token(taskId: string): Promise<number> {
    const state = await this.log.read.task({ task_id: taskId });
    if (state.phase !== 'running') throw new Error(`The task ${taskId} is ${state.phase}.`);
    return state.run.token;
  }

  async #do(taskId: string, command: Command): Promise<Fact> {
    const { fact } = await this.log.change({ task_id: taskId }, command, { actor: `worker:${this.worker}` });
    if (!fact) throw new Error(`${command.type} changed nothing.`);
    return fact;
  }
}
