import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { TERMINAL_KINDS, hasEnded } from '@millrace/domain';
import type { ExistingTask, Fact } from '@millrace/domain';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import type { TaskRef } from '@millrace/log';
import { Bell } from './bell.js';

/** A hint may come before its write can be read: looks that follow it, until one sees more than before. */
const LOOKS_AFTER_A_HINT_MS = [0, 2, 10, 50, 250, 1_000, 3_000];

const terminalKinds: ReadonlySet<string> = new Set(TERMINAL_KINDS);

/** What is waited for, and for how long it matters. */
export interface AwaitOptions {
  /** Aborts when nobody waits any more. */
  gone?: AbortSignal;
  /** Whether the wait is over with this fact as the last one. Defaults to the end of the task. */
  isOver?: (last: Fact) => boolean;
}

/** Waits for tasks to end, or to come to something else: woken by the log, not by a clock. */
@Injectable()
export class TaskEnds implements BeforeApplicationShutdown {
  readonly #bells = new Set<Bell>();
  #isStopping = false;

  constructor(private readonly log: TaskLog) {}

  /** Whether no wait takes any time any more. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** All waits end with what is known by then. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const bell of this.#bells) bell.close();
  }

  /** Resolves with the state in which the task ended, or with a state in which it had not when the time was over. */
  async until(state: ExistingTask, timeoutMs: number, options: AwaitOptions = {}): Promise<ExistingTask> {
    const { gone, isOver = hasEndedBy } = options;
    if (hasEnded(state) || timeoutMs <= 0 || this.#isStopping) return state;
    const ref = { queue: state.queue, task_id: state.id };
    const bell = new Bell(timeoutMs, gone);
    this.#bells.add(bell);
    const stopHints = this.log.onHint(ref, () => bell.ring());
    try {
      return await this.#untilOver(ref, state, bell, isOver);
    } finally {
      stopHints();
      bell.close();
      this.#bells.delete(bell);
    }
  }

  async #untilOver(
    ref: TaskRef,
    first: ExistingTask,
    bell: Bell,
    isOver: (last: Fact) => boolean,
  ): Promise<ExistingTask> {
    // What was written before the hints were listened to gave none.
    let seen = await this.#look(ref, first.sequence);
    while (!bell.isClosed && !(seen.fact && isOver(seen.fact))) {
      await bell.rung();
      seen = await this.#lookUntilNewer(ref, seen.sequence, bell);
    }
    const state = await this.log.read.task(ref, seen.sequence).catch(whileAway(first));
    return state.phase === 'none' ? first : state;
  }

  async #lookUntilNewer(ref: TaskRef, sequence: number, bell: Bell): Promise<Seen> {
    let seen: Seen = { sequence };
    for (let look = 0; look < LOOKS_AFTER_A_HINT_MS.length; look++) {
      // A further hint is a further write: the looks begin anew.
      if (look > 0 && (await bell.rung(LOOKS_AFTER_A_HINT_MS[look]))) look = 0;
      seen = await this.#look(ref, sequence);
      if (seen.sequence > sequence || bell.isClosed) break;
    }
    return seen;
  }

  async #look(ref: TaskRef, sequence: number): Promise<Seen> {
    const fact = await this.log.read.lastFact(ref).catch(whileAway(undefined));
    return fact ? { sequence: fact.sequence, fact } : { sequence };
  }
}

interface Seen {
  sequence: number;
  /** The last fact, if it could be read. */
  fact?: Fact;
}

const hasEndedBy = ({ kind }: Fact): boolean => terminalKinds.has(kind);

/** A wait sits out a loss of the connection: its return is a hint. */
const whileAway =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof LogUnavailableError) return instead;
    throw error;
  };
