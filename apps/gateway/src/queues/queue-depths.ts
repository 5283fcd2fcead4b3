import { Inject, Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { TaskRef } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { Archive } from '../archive/archive.js';
import { LOGGER } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { QueueCatalogue } from './queue-catalogue.js';

/** What became of a submission. */
interface Written {
  sequence: number;
  /** The task was there before. */
  duplicate: boolean;
}

/** A look at a queue older than this is renewed beside the submission, or before it when the queue is full. */
const FRESH_MS = 1_000;
/** A look that takes long, for there is much to count, stays fresh so many times longer than it took; up to a limit. */
const FRESH_TIMES = 10;
const FRESH_MS_MOST = 10_000;
/** Nobody has submitted for so long that the last look says nothing. */
const STALE_MS = 3_000;
/** Tables so far behind say little of now: then the broker is asked. */
const LAG_AT_MOST_MS = 5_000;
const RETRY_AFTER_SECONDS = 2;

/** Waiting tasks, as of a sequence of the log. */
interface Look {
  depth: number;
  sequence: number;
}

interface Watched {
  look: Look;
  lookedAt: number;
  freshForMs: number;
  looking: Promise<void> | undefined;
  /** Sequences of tasks that this gateway has written and the look does not count. */
  filled: number[];
  /** Places taken by submissions that are not written yet. */
  underWay: number;
}

/** Keeps submissions out of queues that are full: looks about once a second at those that are submitted to, and counts what goes in here. */
@Injectable()
export class QueueDepths {
  readonly #watched = new Map<string, Watched>();

  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
    private readonly catalogue: QueueCatalogue,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Writes a task into its queue, if that takes one more. One that is there already needs no place.
   *
   * @param mayExist whether there may be a task of this id
   * @param write resolves with what became of it; undefined: nothing
   * @throws ProblemError `queue/full` when so many tasks wait already; nothing was written then
   */
  admit<T extends Written | undefined>(ref: TaskRef, mayExist: boolean, write: () => Promise<T>): Promise<T> {
    const { max_depth } = this.catalogue.get(ref.queue).settings;
    return max_depth === undefined ? write() : this.#admit(ref, max_depth, mayExist, write);
  }

  async #admit<T extends Written | undefined>(
    { queue, task_id }: TaskRef,
    maxDepth: number,
    mayExist: boolean,
    write: () => Promise<T>,
  ): Promise<T> {
    if (mayExist && (await this.log.read.task({ task_id })).phase !== 'none') return write();
    const watched = await this.#take(queue, maxDepth);
    try {
      const written = await write();
      if (written && !written.duplicate) watched.filled.push(written.sequence);
      return written;
    } finally {
      watched.underWay--;
    }
  }

  /** Takes a place, which is under way until it is given back. */
  async #take(queue: string, maxDepth: number): Promise<Watched> {
    const watched = this.#watch(queue);
    const age = performance.now() - watched.lookedAt;
    if (age > watched.freshForMs) {
      watched.looking ??= this.#look(queue, maxDepth, watched);
      if (age > watched.freshForMs + STALE_MS || depthOf(watched) >= maxDepth) await watched.looking;
    }
    // From here on without an await: of those that waited for the same look each sees who went in before.
    if (depthOf(watched) >= maxDepth) throw full(queue, maxDepth);
    watched.underWay++;
    return watched;
  }

  #watch(queue: string): Watched {
    const known = this.#watched.get(queue);
    if (known) return known;
    const watched = {
      look: { depth: 0, sequence: 0 },
      lookedAt: -Infinity,
      freshForMs: FRESH_MS,
      looking: undefined,
      filled: [],
      underWay: 0,
    };
    this.#watched.set(queue, watched);
    return watched;
  }

  async #look(queue: string, maxDepth: number, watched: Watched): Promise<void> {
    const begunAt = performance.now();
    try {
      const look = await this.#depth(queue, maxDepth);
      watched.look = look;
      watched.filled = watched.filled.filter((sequence) => sequence > look.sequence);
    } catch (error) {
      // Without an answer the last look counts on. If the log is away, the submission itself will say so.
      this.logger.warn({ err: error, queue }, 'The depth of a queue cannot be read');
    } finally {
      watched.lookedAt = performance.now();
      const tookMs = watched.lookedAt - begunAt;
      watched.freshForMs = Math.min(FRESH_MS_MOST, Math.max(FRESH_MS, tookMs * FRESH_TIMES));
      watched.looking = undefined;
    }
  }

  async #depth(queue: string, maxDepth: number): Promise<Look> {
    const known = await this.archive.queues.depth(queue, maxDepth).catch(unlessAway);
    if (known && (known.lag_ms ?? Infinity) <= LAG_AT_MOST_MS) return known;
    // Before the lanes: what is written in between is counted twice rather than not at all.
    const { lastSequence } = await this.log.admin.state();
    const lanes = await this.log.admin.lanes(queue);
    return { depth: lanes.reduce((sum, { pending }) => sum + pending, 0), sequence: lastSequence };
  }
}

const depthOf = ({ look, filled, underWay }: Watched): number => look.depth + filled.length + underWay;

const full = (queue: string, maxDepth: number): ProblemError =>
  new ProblemError(
    'queue/full',
    `The queue "${queue}" is full: ${maxDepth} tasks wait, and its max_depth allows no more. Nothing was written; try again when some have started, or let an operator raise max_depth.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );

function unlessAway(error: unknown): undefined {
  if (!(error instanceof ProblemError)) throw error;
}
