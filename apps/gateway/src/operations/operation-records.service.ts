import { Inject, Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { OperationRecord } from '@millrace/log';
import type { GatewayConfig } from '../config.js';
import { CONFIG } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { UNDOABLE } from './operations.schema.js';
import type { Operation } from './operations.schema.js';

/** Its gateway gives a sign of life each second. */
const INTERRUPTED_AFTER_MS = 5_000;
const MINUTE_MS = 60_000;
const RACES = 5;

/** What is known of operations, whichever gateway runs them. */
@Injectable()
export class OperationRecords {
  constructor(
    private readonly log: TaskLog,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  /** @throws ProblemError `operation/not-found` */
  async get(operationId: string): Promise<Operation> {
    const entry = await this.log.buckets.operations.get(operationId);
    if (!entry) throw notFound(operationId);
    return this.viewOf(entry.value);
  }

  /** The newest first. */
  async latest(limit: number): Promise<Operation[]> {
    const entries = await this.log.buckets.operations.entries();
    const latest = entries.sort((a, b) => (a.key < b.key ? 1 : -1)).slice(0, limit);
    return latest.map(({ value }) => this.viewOf(value));
  }

  /** Tells whoever runs it to begin nothing more; nothing when it has ended. */
  async askToStop(operationId: string, actor: string): Promise<void> {
    for (let race = 1; race <= RACES; race++) {
      const entry = await this.log.buckets.operations.get(operationId);
      if (!entry) throw notFound(operationId);
      if (entry.value.status !== 'running' || entry.value.stop) return;
      const value = { ...entry.value, stop: { at: new Date().toISOString(), actor } };
      if ((await this.log.buckets.operations.update(operationId, value, entry.revision)) !== undefined)
        return;
    }
  }

  /** As it is shown now: one whose gateway is silent was interrupted. */
  viewOf({ alive_at, stop: _stop, ...record }: OperationRecord): Operation {
    const isSilent = record.status === 'running' && Date.now() - Date.parse(alive_at) > INTERRUPTED_AFTER_MS;
    const status = isSilent ? 'interrupted' : record.status;
    const isOver = status !== 'running' && UNDOABLE.has(record.action);
    const endedMs = Date.parse(record.finished_at ?? alive_at);
    const undoUntilMs = endedMs + this.config.MILLRACE_UNDO_MINUTES * MINUTE_MS;
    return {
      ...record,
      action: record.action as Operation['action'],
      status,
      undo_until: isOver ? new Date(undoUntilMs).toISOString() : null,
    };
  }
}

const notFound = (operationId: string): ProblemError =>
  new ProblemError(
    'operation/not-found',
    `There is no operation ${operationId}; operations are known for 7 days after their end.`,
  );
