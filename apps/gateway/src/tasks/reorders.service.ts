import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { REFUSALS, TaskRefusal } from '@millrace/domain';
import type { ExistingTask, RefusalCode } from '@millrace/domain';
import { REORDER, TaskLog, readNote, reorderOutcomeSchema, streams, subjects } from '@millrace/log';
import type { ReorderOutcome, ReorderRequest, StoredMessage } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { GATEWAY_PROBLEMS, ProblemError } from '../http/problem.js';
import type { GatewayProblemCode } from '../http/problem.js';

/** What the scheduler has not begun by then lapses. */
const LAPSES_AFTER_MS = 10_000;
/** What it has begun by then may take longer. */
const GRACE_MS = 2_000;
const WAITING_AT_MOST = 1_000;
/** Outcomes that came before their request was known here. */
const EARLY_AT_MOST = 1_000;
const RETRY_AFTER_SECONDS = 5;

/** Where a task is now. */
export interface NewPlace {
  new_position: number | null;
  priority: number;
}

/** Asks the scheduler for reorders, by an event on `OPS`, and hears of their outcomes there. */
@Injectable()
export class Reorders implements BeforeApplicationShutdown {
  readonly #waiting = new Map<number, (outcome: ReorderOutcome | undefined) => void>();
  readonly #early = new Map<number, ReorderOutcome>();
  #asked = 0;
  #following: Promise<unknown> | undefined;

  constructor(private readonly log: TaskLog) {}

  /** Whoever waits is told that nobody does any more. */
  beforeApplicationShutdown(): void {
    for (const settle of this.#waiting.values()) settle(undefined);
  }

  /**
   * @throws TaskRefusal when the task does not wait any more
   * @throws ProblemError when it cannot be done, or nobody answers
   */
  async reorder(task: ExistingTask, position: ReorderRequest['position'], by: Origin): Promise<NewPlace> {
    if (this.#asked >= WAITING_AT_MOST)
      throw unavailable(`${this.#asked} reorders wait here for the scheduler already; nothing was written.`);
    this.#asked++;
    try {
      await this.#follow();
      const now = Date.now();
      const deadline = new Date(now + LAPSES_AFTER_MS).toISOString();
      const note: ReorderRequest = {
        queue: task.queue,
        task_id: task.id,
        position,
        actor: by.actor,
        at: new Date(now).toISOString(),
        deadline,
      };
      const request = await this.log.note('queue', REORDER.request, note, { deadlineMs: DEADLINE_MS });
      const outcome = await this.#outcomeOf(request);
      if (!outcome)
        throw unavailable(
          `The scheduler has not answered. Is one running? The reorder lapses at ${deadline} unless it was begun by then; look at the position of the task before you ask again.`,
        );
      return placeIn(outcome);
    } finally {
      this.#asked--;
    }
  }

  /** One follower for all, from the first reorder on. */
  #follow(): Promise<unknown> {
    this.#following ??= this.#startFollowing().catch((error: unknown) => {
      this.#following = undefined;
      throw error;
    });
    return this.#following;
  }

  async #startFollowing(): Promise<unknown> {
    const outcomes = subjects.op('queue', REORDER.outcome);
    const last = await this.log.read.lastOn(outcomes, streams.ops.name);
    return this.log.follow({
      stream: streams.ops.name,
      from: (last?.sequence ?? 0) + 1,
      filters: [outcomes],
      onMessages: (messages) => {
        for (const message of messages) this.#heard(message);
      },
    });
  }

  #heard(message: StoredMessage): void {
    const outcome = readNote(reorderOutcomeSchema, message);
    if (!outcome) return;
    const settle = this.#waiting.get(outcome.request);
    if (settle) settle(outcome);
    else this.#keep(outcome);
  }

  /** Its request may be one of ours whose own answer is still to come; most are another gateway's. */
  #keep(outcome: ReorderOutcome): void {
    this.#early.set(outcome.request, outcome);
    for (const oldest of this.#early.keys())
      if (this.#early.size > EARLY_AT_MOST) this.#early.delete(oldest);
      else break;
  }

  #outcomeOf(request: number): Promise<ReorderOutcome | undefined> {
    const early = this.#early.get(request);
    if (early) return Promise.resolve(early);
    return new Promise((resolve) => {
      const settle = (outcome: ReorderOutcome | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        resolve(outcome);
      };
      const timer = setTimeout(settle, LAPSES_AFTER_MS + GRACE_MS, undefined);
      this.#waiting.set(request, settle);
    });
  }
}

function placeIn({ refused, new_position = null, priority = 0 }: ReorderOutcome): NewPlace {
  if (!refused) return { new_position, priority };
  const { code, detail } = refused;
  if (code in REFUSALS) throw new TaskRefusal(code as RefusalCode, detail);
  if (!(code in GATEWAY_PROBLEMS)) throw unavailable(detail);
  const { status } = GATEWAY_PROBLEMS[code as GatewayProblemCode];
  throw new ProblemError(
    code as GatewayProblemCode,
    detail,
    status === UNAVAILABLE ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {},
  );
}

const UNAVAILABLE = 503;

const unavailable = (detail: string): ProblemError =>
  new ProblemError('scheduler/unavailable', detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
