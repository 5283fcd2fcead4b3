import { Injectable } from '@nestjs/common';
import { BadBodyError, TaskLog } from '@millrace/log';
import type { WorkerRecord } from '@millrace/log';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { ListWorkers } from './workers.schema.js';

/** The workers that have given a sign of life lately, as they describe themselves. */
@Injectable()
export class Workers {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  async list({ queue, status }: ListWorkers): Promise<WorkerRecord[]> {
    await this.gate.pass();
    const entries = await this.log.buckets.workers.entries();
    return entries
      .map(({ value }) => value)
      .filter((worker) => queue === undefined || worker.queues.includes(queue))
      .filter((worker) => status === undefined || worker.status === status)
      .sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1));
  }

  /** @throws ProblemError `worker/not-found` */
  async get(workerId: string): Promise<WorkerRecord> {
    await this.gate.pass();
    const entry = await this.log.buckets.workers.get(workerId).catch(ifUnreadable);
    if (entry) return entry.value;
    throw new ProblemError(
      'worker/not-found',
      `No worker ${workerId} has given a sign of life in the last 15 seconds. It has ended, or cannot reach the broker; GET /workers lists those that can.`,
    );
  }
}

/** A record that is none is left out of the list, too. */
function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof BadBodyError)) throw error;
}
