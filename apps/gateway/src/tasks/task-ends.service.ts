import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { TERMINAL_KINDS, hasEnded } from '@millrace/domain';
import type { ExistingTask } from '@millrace/domain';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import type { TaskRef } from '@millrace/log';
import { Bell } from './bell.js';

/** A hint may come before its write can be read: looks that follow it, until one sees more than before. */
const LOOKS_AFTER_A_HINT_MS = [0, 2, 10, 50, 250, 1_000, 3_000];

const terminalKinds: ReadonlySet<string> = new Set(TERMINAL_KINDS);

/** Waits for tasks to end: woken by the log, not by a clock. */
@Injectable()
export class TaskEnds implements BeforeApplicationShutdown {
  readonly #bells = new Set<Bell>();
  #isStopping = false;

  constructor(private readonly log: TaskLog) {}

  /** All waits end with what is known by then. */
  beforeApplicationShutdown(): void {
    this.#isStopping = true;
    for (const bell of this.#bells) bell.close();
  }

  /**
   * Resolves with the state in which the task ended, or with a state in which it had not when the time was over.
   *
   * @param gone aborts when nobody waits any more
   */
  async until(state: ExistingTask, timeoutMs: number, gone?: AbortSignal): Promise<ExistingTask> {
    if (hasEnded(state) || timeoutMs <= 0 || this.#isStopping) return state;
    const ref = { queue: state.queue, task_id: state.id };
    const bell = new Bell(timeoutMs, gone);
    this.#bells.add(bell);
    const stopHints = this.log.onHint(ref, () => bell.ring());
    try {
      return await this.#untilEnded(ref, state, bell);
    } finally {
      stopHints();
      bell.close();
      this.#bells.delete(bell);
    }
  }

  async #untilEnded(ref: TaskRef, first: ExistingTask, bell: Bell): Promise<ExistingTask> {
    // What was written before the hints were listened to gave none.
    let seen = await this.#look(ref, first.sequence);
    while (!bell.isClosed && !seen.ended) {
      await bell.rung();
      seen = await this.#lookUntilNewer(ref, seen.sequence, bell);
    }
    const state = await this.log.read.task(ref, seen.sequence).catch(whileAway(first));
    return state.phase === 'none' ? first : state;
  }

  async #lookUntilNewer(ref: TaskRef, sequence: number, bell: Bell): Promise<Seen> {
    let seen: Seen = { sequence, ended: false };
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
    return fact
      ? { sequence: fact.sequence, ended: terminalKinds.has(fact.kind) }
      : { sequence, ended: false };
  }
}

interface Seen {
  sequence: number;
  ended: boolean;
}

/** A wait sits out a loss of the connection: its return is a hint. */
const whileAway =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (error instanceof LogUnavailableError) return instead;
    throw error;
  };
