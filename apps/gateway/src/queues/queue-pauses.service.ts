import { Injectable } from '@nestjs/common';
import { TaskLog, settlePause } from '@millrace/log';
import type { QueueRecord } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { LogGate } from '../log/log-gate.js';
import { QueueRecords } from './queue-records.js';
import type { QueueCommandDone } from './queues.schema.js';

/** Pauses and resumes queues: the record first, which is the truth, then the lanes, then OPS. What fails in between, the scheduler ends. */
@Injectable()
export class QueuePauses {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly records: QueueRecords,
  ) {}

  /** @throws ProblemError `queue/not-found` */
  async pause(queue: string, reason: string | undefined, by: Origin): Promise<QueueCommandDone> {
    const said = { at: new Date().toISOString(), actor: by.actor, ...(reason !== undefined && { reason }) };
    const announce = { verb: 'paused', ...said, correlation_id: by.correlationId } as const;
    const { before, pending } = await this.#change(queue, (record) =>
      record.paused ? undefined : { ...record, paused: said, announce },
    );
    const message = before.paused
      ? `The queue is paused since ${before.paused.at}, by ${before.paused.actor}.`
      : 'The queue is paused: no task of it starts. What runs goes on.';
    return { success: true, message, affected: pending };
  }

  /** @throws ProblemError `queue/not-found` */
  async resume(queue: string, by: Origin): Promise<QueueCommandDone> {
    const at = new Date().toISOString();
    const announce = { verb: 'resumed', at, actor: by.actor, correlation_id: by.correlationId } as const;
    const { before, pending } = await this.#change(queue, ({ paused, ...record }) =>
      paused ? { ...record, announce } : undefined,
    );
    const message = before.paused ? 'The queue goes on.' : 'The queue is not paused.';
    return { success: true, message, affected: pending };
  }

  /** The lanes are settled also when the record stays as it is: they may not have followed it. */
  async #change(
    queue: string,
    change: (record: QueueRecord) => QueueRecord | undefined,
  ): Promise<{ before: QueueRecord; pending: number }> {
    await this.gate.pass();
    const known = await this.records.get(queue);
    const { before = known } = await this.records.change(queue, (record) => change(record ?? known));
    const { pending } = await settlePause(this.log, queue, { deadlineMs: DEADLINE_MS });
    return { before, pending };
  }
}
