import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { OperationRecord } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { LOGGER } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { newTaskId } from '../tasks/task-id.js';
import { OperationNotes } from './operation-notes.js';
import { OperationRecords } from './operation-records.service.js';
import type { Operation, OperationAction } from './operations.schema.js';
import { OwnRecord } from './own-record.js';
import { Tally } from './tally.js';
import type { Refused } from './tally.js';
import type { Target } from './targets.service.js';
import { workThrough } from './work-through.js';
import type { Work } from './work-through.js';

/** Operations that one gateway runs at once: each holds two pages of tasks. */
const AT_ONCE = 16;
const RETRY_AFTER_SECONDS = 5;

/** What is to be done to many tasks. */
export interface Plan extends Omit<Work, 'act'> {
  action: OperationAction;
  /** For the audit: the filter, and whatever goes with it. */
  wish: Record<string, unknown>;
  act: (target: Target, operationId: string) => Promise<void>;
}

/** How an operation ended. */
export interface Ended {
  operation: Operation;
  /** The first thousand. */
  refused: Refused[];
}

export interface Started {
  operation: Operation;
  /** Rejects with the failure when that was all that came of it. */
  ended: Promise<Ended>;
}

/** Runs operations on many tasks in this process: counted, told and noted while they go on. */
@Injectable()
export class Operations implements BeforeApplicationShutdown {
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly archive: Archive,
    private readonly records: OperationRecords,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Whoever waits is told what was done by now. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stopping.abort('The gateway is stopping.');
    await Promise.all(this.#running);
  }

  /** Aborts with a sentence when the gateway stops. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Resolves once the operation is known to all and has begun.
   *
   * @param gone aborts when nobody wants it any more
   * @throws ProblemError when Postgres or the log is away, or too much goes on here; nothing was done then
   */
  async start(plan: Plan, by: Origin, gone?: AbortSignal): Promise<Started> {
    if (this.#running.size >= AT_ONCE) throw tooMany();
    await this.gate.pass();
    await this.archive.tasks.projection();
    const operation_id = newTaskId();
    const head = { operation_id, actor: by.actor, action: plan.action };
    const tally = new Tally(this.logger);
    const notes = new OperationNotes(this.log, this.logger, head);
    await notes.begun(plan.wish);
    const first = recordOf(head, plan.wish, tally);
    const record = await OwnRecord.make(this.log.buckets.operations, this.logger, first, () => tally.counts);
    const stop = AbortSignal.any([this.#stopping.signal, record.stopped, ...(gone ? [gone] : [])]);
    const ended = this.#run(plan, tally, notes, record, stop);
    const settled = ended.catch(() => undefined);
    this.#running.add(settled);
    void settled.finally(() => this.#running.delete(settled));
    return { operation: this.records.viewOf(first), ended };
  }

  async #run(
    plan: Plan,
    tally: Tally,
    notes: OperationNotes,
    record: OwnRecord,
    stop: AbortSignal,
  ): Promise<Ended> {
    const { operation_id } = record.value;
    const act = async (target: Target): Promise<void> => {
      await plan.act(target, operation_id);
      await notes.did(target.row.id);
    };
    await workThrough({ ...plan, act }, tally, stop);
    const outcome = { ...tally.counts, ...endOf(tally, stop) };
    await notes.ended(outcome);
    const last = await record.end(outcome);
    tally.throwIfNothingCame();
    return { operation: this.records.viewOf(last), refused: tally.refused };
  }
}

function recordOf(
  head: Pick<OperationRecord, 'operation_id' | 'actor' | 'action'>,
  wish: Record<string, unknown>,
  tally: Tally,
): OperationRecord {
  const started_at = new Date().toISOString();
  const begun = { started_at, alive_at: started_at, finished_at: null };
  return { ...head, wish, status: 'running', ...tally.counts, stopped: null, ...begun };
}

function endOf(tally: Tally, stop: AbortSignal): Pick<OperationRecord, 'status' | 'stopped'> {
  if (tally.failure !== undefined) return { status: 'failed', stopped: tally.failure };
  if (!stop.aborted || !tally.hasMore) return { status: 'done', stopped: null };
  const { reason } = stop as { reason: unknown };
  return {
    status: 'stopped',
    stopped: typeof reason === 'string' ? reason : 'Who asked for it has gone away.',
  };
}

const tooMany = (): ProblemError =>
  new ProblemError(
    'operation/too-many',
    `This gateway runs ${AT_ONCE} operations at once and no more. Ask again when one of them has ended.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
