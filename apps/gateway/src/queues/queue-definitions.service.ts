import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { QueueRecords } from './queue-records.js';
import { definitionOf } from './queue-view.js';
import type { DefineQueue } from './queue-settings.schema.js';
import type { QueueDefinition } from './queues.schema.js';

/** Defines queues. */
@Injectable()
export class QueueDefinitions {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly records: QueueRecords,
  ) {}

  /**
   * Gives a queue these settings, and defines it if it is new. Resolves once the record is written, its lanes are there, and OPS was told.
   *
   * @throws ProblemError `queue/route-taken`
   */
  async define(queue: string, settings: DefineQueue, by: Origin): Promise<QueueDefinition> {
    await this.gate.pass();
    await this.#refuseTakenRoutes(queue, settings.routes ?? []);
    const { before, after } = await this.records.change(queue, (known) => ({
      ...(known ?? { name: queue, defined_by: by.actor }),
      settings,
    }));
    await this.log.provisionQueue(queue, by.actor);
    const note = {
      at: new Date().toISOString(),
      actor: by.actor,
      correlation_id: by.correlationId,
      queue,
      before: before?.settings ?? null,
      after: settings,
    };
    await this.log.note('queue', 'defined', note, { deadlineMs: DEADLINE_MS });
    return definitionOf(after);
  }

  async #refuseTakenRoutes(queue: string, routes: string[]): Promise<void> {
    if (routes.length === 0) return;
    const wanted = new Set(routes);
    for (const other of await this.records.all()) {
      if (other.name === queue) continue;
      const taken = other.settings?.routes?.find((name) => wanted.has(name));
      if (taken === undefined) continue;
      const message = `"${taken}" is routed by the queue "${other.name}". Take it from that one's routes first.`;
      throw new ProblemError('queue/route-taken', message, { errors: [{ path: 'routes', message }] });
    }
  }
}
