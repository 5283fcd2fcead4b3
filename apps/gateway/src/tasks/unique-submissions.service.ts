import { Injectable } from '@nestjs/common';
import { isRefusal } from '@millrace/domain';
import type { ExistingTask, Fact, TaskSpec } from '@millrace/domain';
import { ConcurrencyError, LogUnavailableError, TaskLog } from '@millrace/log';
import type { TaskRef } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { LogWatch } from '../log/log-watch.js';
import { QueueDepths } from '../queues/queue-depths.js';
import type { SubmittedTask } from './submit-task.schema.js';
import { duplicateOf, submitted } from './submitted-task.js';
import { idOfKey } from './task-id.js';
import type { KeyClaim, TaskOrder } from './task-order.js';
import { Turns } from './turns.js';
import { isTaken } from './unique-rule.js';

/** A submission under a key that may have had tasks before. */
export type UniqueOrder = TaskOrder & { unique: KeyClaim };

interface Moment {
  order: UniqueOrder;
  actor: string;
  now: number;
  /** On the clock of `performance`. */
  deadline: number;
}

/**
 * Submits under keys that are not taken for ever. The tasks of a key are its generations, numbered from 1, and the number is part of
 * the id: of those who want to make the next one the log takes exactly one, in whatever gateways they are. A hint says where to begin to
 * look; it may lag, never lead, so that from there on every generation is met.
 */
@Injectable()
export class UniqueSubmissions {
  /** Those of one gateway need not race each other, and the last of them in a bulk is the one that stays. */
  readonly #turns = new Turns();

  constructor(
    private readonly log: TaskLog,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
    private readonly depths: QueueDepths,
  ) {}

  /**
   * Resolves once the log has the task, or with the one that has the key.
   *
   * @throws ConcurrencyError when other gateways were faster, again and again
   * @throws LogUnavailableError without an answer of the log; the task may have been written
   */
  submit(order: UniqueOrder, by: Origin, now: number): Promise<SubmittedTask> {
    const moment = { order, actor: by.actor, now, deadline: performance.now() + DEADLINE_MS };
    return this.#turns.take(order.unique.hash, () => this.#submit(moment));
  }

  async #submit(moment: Moment): Promise<SubmittedTask> {
    const { hash } = moment.order.unique;
    refuseLate(moment);
    const hint = await this.log.buckets.unique.get(hash);
    const hinted = hint?.value.generation ?? 0;
    let newest = hinted;
    try {
      for (;;) {
        const answer = newest > 0 ? await this.#settle(refOf(moment, newest), moment) : undefined;
        if (answer) return answer;
        refuseLate(moment);
        const created = await this.#create(refOf(moment, newest + 1), moment);
        newest++;
        if (created) return created;
      }
    } finally {
      // The first one needs no hint.
      if (newest > Math.max(hinted, 1)) await this.#hint(hash, newest, hint?.revision);
    }
  }

  /** What the newest task of the key makes of the submission; undefined when it leaves the key to the next one. */
  async #settle(ref: TaskRef, moment: Moment): Promise<SubmittedTask | undefined> {
    const { rule } = moment.order.unique;
    if (rule.until === 'start') return this.#replace(ref, moment);
    const holder = await this.#find(ref);
    return holder && isTaken(rule, holder, moment.now) ? duplicateOf(holder) : undefined;
  }

  /** The domain says whether it still can be replaced. What has left the log has ended. */
  async #replace(ref: TaskRef, moment: Moment): Promise<SubmittedTask | undefined> {
    const { order, actor, now } = moment;
    for (;;) {
      try {
        const options = { actor, now, deadlineMs: leftOf(moment) };
        const { fact } = await this.log.change(ref, order.unique.replacement, options);
        return fact && replacedBy(fact, order.spec);
      } catch (error) {
        if (isRefusal(error)) return undefined;
        if (!(error instanceof ConcurrencyError) || leftOf(moment) <= 0) throw error;
      }
    }
  }

  /** Undefined when there is a task of this id already. */
  async #create(ref: TaskRef, moment: Moment): Promise<SubmittedTask | undefined> {
    const { order, actor, now } = moment;
    if (this.watch.hasForgotten && (await this.archive.findIfThere(ref.task_id))) return undefined;
    try {
      const options = { actor, now, deadlineMs: leftOf(moment) };
      return await this.depths.admit(ref, true, async () => {
        const { sequence } = await this.log.append(ref, 0, order.event, options);
        return submitted(ref, order.spec, sequence);
      });
    } catch (error) {
      if (error instanceof ConcurrencyError) return undefined;
      throw error;
    }
  }

  /** The task as the log has it, else the archive. Without Postgres the log alone decides. */
  async #find(ref: TaskRef): Promise<ExistingTask | undefined> {
    const state = await this.log.read.current(ref);
    if (state.phase !== 'none') return state;
    const row = await this.archive.findIfThere(ref.task_id);
    return row && stateOf(row);
  }

  /** The answer does not depend on it: without a hint whoever comes next has more to look at. */
  async #hint(hash: string, generation: number, revision: number | undefined): Promise<void> {
    const { unique } = this.log.buckets;
    try {
      const done =
        revision === undefined
          ? unique.create(hash, { generation })
          : unique.update(hash, { generation }, revision);
      if (await done) return;
      const newer = await unique.get(hash);
      if (newer && newer.value.generation < generation) await this.#hint(hash, generation, newer.revision);
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
    }
  }
}

const refOf = ({ order }: Moment, generation: number): TaskRef => ({
  queue: order.ref.queue,
  task_id: idOfKey(order.unique.hash, generation),
});

const leftOf = ({ deadline }: Moment): number => deadline - performance.now();

function refuseLate(moment: Moment): void {
  if (leftOf(moment) <= 0) throw new LogUnavailableError('The task of the key was not found in time.');
}

/** One that is put aside stays so. */
const replacedBy = (fact: Fact, spec: TaskSpec): SubmittedTask => ({
  ...submitted(fact, spec, fact.sequence),
  status: fact.kind === 'paused' ? 'PAUSED' : 'PENDING',
  duplicate: true,
  replaced: true,
});
