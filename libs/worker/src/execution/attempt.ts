import { MAX_LOST, decide, evolve } from '@millrace/domain';
import type { Command, Fact, Json, RunningTask, TaskState } from '@millrace/domain';
import type { Ticket } from '@millrace/log';
import { AttemptOvertakenError } from '../errors.js';
import type { AttemptFacts } from './attempt-context.js';
import type { LogPort } from './log-port.js';
import { machineTime } from './time-and-chance.js';
import type { TimeAndChance } from './time-and-chance.js';

const NO_TAGS: readonly string[] = [];

/** A ticket in the hands of this process; a redelivery brings a newer handle of the same ticket. */
export interface Holding {
  ticket: Ticket;
}

/** Why an attempt must stop before its handler has ended. */
export type Interruption = Error;

/**
 * One running attempt: the state it is in, and the only way it may write. Its writes are chained, each conditional on the one before, so
 * the first refusal means that somebody else has moved the task.
 */
export class Attempt {
  readonly token: number;
  /** As `time.elapsed()` tells it. */
  readonly startedAt: number;
  /** Resolves when the attempt must stop. */
  readonly interrupted: Promise<Interruption>;
  #state: RunningTask;
  #writes: Promise<unknown> = Promise.resolve();
  #writing = 0;
  #isOver = false;
  #interruption: Interruption | undefined;
  #interrupt!: (by: Interruption) => void;
  #controller: AbortController | undefined;

  constructor(
    readonly holding: Holding,
    state: RunningTask,
    private readonly log: LogPort,
    readonly actor: string,
    readonly time: TimeAndChance = machineTime,
  ) {
    this.#state = state;
    this.startedAt = time.elapsed();
    this.token = state.run.token;
    this.interrupted = new Promise((resolve) => (this.#interrupt = resolve));
  }

  get state(): RunningTask {
    return this.#state;
  }

  get interruption(): Interruption | undefined {
    return this.#interruption;
  }

  /** One more loss in a row is the end: so it runs alone in a process, and takes nobody with it. */
  get isLastChance(): boolean {
    return this.#state.run.lost >= MAX_LOST - 1;
  }

  get durationMs(): number {
    return Math.round(this.time.elapsed() - this.startedAt);
  }

  /** Made when the handler first looks at it: most handlers never do. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#interruption) this.#controller.abort(this.#interruption);
    return this.#controller.signal;
  }

  /** What the handler was told to stop for, if it was. */
  get abortedBy(): unknown {
    return this.#controller?.signal.reason as unknown;
  }

  /** What its handler is told. */
  facts(resumedFrom: Json | undefined): AttemptFacts {
    const { id, queue, spec, run } = this.#state;
    return {
      taskId: id,
      taskName: spec.name,
      queue,
      attempt: run.attempt,
      failures: run.failed,
      maxRetries: spec.retry.max_retries,
      fencingToken: this.token,
      userId: spec.user_id,
      correlationId: spec.correlation_id,
      tags: spec.tags ?? NO_TAGS,
      resumedFrom,
    };
  }

  /** Tells the handler to stop, without ending the attempt: it may still return a result. False when it was told before. */
  abort(reason: Error): boolean {
    this.#controller ??= new AbortController();
    if (this.#controller.signal.aborted) return false;
    this.#controller.abort(reason);
    return true;
  }

  /** Ends the attempt: whatever its handler does from now on counts no more. False when it was ended before. */
  interrupt(by: Interruption): boolean {
    if (this.#interruption) return false;
    this.#interruption = by;
    this.#controller?.abort(by);
    this.#interrupt(by);
    return true;
  }

  /**
   * Decides and appends the attempt's next fact, after those that are under way.
   *
   * @throws ConcurrencyError when somebody else has moved the task
   */
  async record(
    command: Command,
    options: { signal?: AbortSignal } = {},
  ): Promise<{ fact: Fact; state: TaskState } | undefined> {
    if (this.#writing > 0) await this.#writes.catch(() => undefined);
    const write = this.#append(command, options);
    this.#writing++;
    this.#writes = write;
    try {
      return await write;
    } finally {
      this.#writing--;
    }
  }

  async #append(
    command: Command,
    options: { signal?: AbortSignal },
  ): Promise<{ fact: Fact; state: TaskState } | undefined> {
    // What a handler left running behind its own end.
    if (this.#isOver) throw new AttemptOvertakenError('The attempt has ended.');
    const event = decide(command, this.#state, { now: this.time.now(), random: this.time.random() });
    if (!event) return undefined;
    const { queue, id } = this.#state;
    const fact = await this.log.append({ queue, task_id: id }, this.#state.sequence, event, {
      actor: this.actor,
      ...options,
    });
    const state = evolve(this.#state, fact);
    if (state.phase === 'running') this.#state = state;
    else this.#isOver = true;
    return { fact, state };
  }
}
