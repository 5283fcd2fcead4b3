import { isRefusal } from '@millrace/domain';
import {
  REORDER,
  readNote,
  reorderOutcomeSchema,
  reorderPlanSchema,
  reorderRequestSchema,
  streams,
  subjects,
} from '@millrace/log';
import type { ReorderOutcome, StoredMessage, TaskLog } from '@millrace/log';
import { isDatabaseAway } from '@millrace/read-model';
import type { LaneQueries } from '@millrace/read-model';
import { rest } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { Lease } from '../leadership/lease.js';
import { DEADLINE_MS } from '../scheduler.constants.js';
import { LeadLostError, Reorder, ReorderRefused } from './reorder.js';
import type { Asked } from './reorder.js';

export interface ReordersOptions {
  log: TaskLog;
  lanes: LaneQueries;
  lease: Lease;
  logger: Logger;
}

const LOOK_EVERY_MS = 200;

/**
 * Carries out reorders one after the other while it leads, in the order in which they were asked for. A new leader begins behind the last
 * one that has an outcome; what its predecessor began is in the last plan, and is carried out once more.
 */
export class Reorders {
  readonly #stopped = new AbortController();
  #done: Promise<void> | undefined;
  #trouble = '';

  constructor(private readonly options: ReordersOptions) {}

  start(): this {
    this.#done ??= this.#run();
    return this;
  }

  /** Ends after the reorder in hand. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      if (this.#leads) await this.#lead().catch((error: unknown) => this.#tell(error));
      await this.#rest();
    }
  }

  get #leads(): boolean {
    return this.options.lease.isHeld && !this.#stopped.signal.aborted;
  }

  #rest(): Promise<void> {
    return rest(LOOK_EVERY_MS, this.#stopped.signal);
  }

  async #lead(): Promise<void> {
    const { log, lanes, lease } = this.options;
    const [outcome, plan] = await Promise.all([
      this.#lastNote(REORDER.outcome).then((note) => readNote(reorderOutcomeSchema, note)),
      this.#lastNote(REORDER.plan).then((note) => readNote(reorderPlanSchema, note)),
    ]);
    const reorder = new Reorder(log, lanes, plan, () => lease.isHeld);
    let done = outcome?.request ?? 0;
    const follower = log.follow({
      stream: streams.ops.name,
      from: done + 1,
      filters: [subjects.op('queue', REORDER.request)],
      onMessages: async (messages) => {
        for (const message of messages) {
          // After a failure what came before it comes again.
          if (message.sequence <= done) continue;
          // The next leader begins with this one.
          if (!this.#leads) return;
          await this.#carryOut(reorder, message);
          done = message.sequence;
        }
      },
      onError: (error) => this.#tell(error),
    });
    while (this.#leads) await this.#rest();
    await follower.stop();
  }

  #lastNote(verb: string): Promise<StoredMessage | undefined> {
    return this.options.log.read.lastOn(subjects.op('queue', verb), streams.ops.name);
  }

  async #carryOut(reorder: Reorder, message: StoredMessage): Promise<void> {
    const request = readNote(reorderRequestSchema, message);
    if (!request) {
      this.options.logger.warn(
        { sequence: message.sequence },
        'A request on OPS is no reorder; it is passed over',
      );
      return;
    }
    const came = await this.#outcomeOf(reorder, { ...request, sequence: message.sequence });
    if (!this.options.lease.isHeld) throw new LeadLostError('Another process leads; it tells the outcome.');
    const { queue, task_id, actor } = request;
    const note = { at: new Date().toISOString(), actor, request: message.sequence, queue, task_id, ...came };
    await this.options.log.note('queue', REORDER.outcome, note, { deadlineMs: DEADLINE_MS });
    this.#trouble = '';
  }

  /** A failure of the log is none of its outcomes: it is tried again. */
  async #outcomeOf(reorder: Reorder, asked: Asked): Promise<Partial<ReorderOutcome>> {
    try {
      return await reorder.carryOut(asked);
    } catch (error) {
      if (error instanceof ReorderRefused || isRefusal(error))
        return { refused: { code: error.code, detail: error.message } };
      if (!isDatabaseAway(error)) throw error;
      this.#tell(error);
      return { refused: { code: 'archive/unavailable', detail: AWAY } };
    }
  }

  /** Once for each kind of trouble. */
  #tell(error: unknown): void {
    const trouble = String(error);
    const level = trouble === this.#trouble ? 'debug' : 'warn';
    this.#trouble = trouble;
    this.options.logger[level]({ err: error }, 'A reorder failed');
  }
}

const AWAY =
  'Postgres is away, so that the order of the queue is not known; nothing was moved. Try again when it is back; priorities can be changed without it.';
