import { Injectable } from '@nestjs/common';
import { ConcurrencyError, LogUnavailableError, TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { HandlerCatalogue } from '../handlers/handler-catalogue.js';
import type { KnownHandler } from '../handlers/known-handler.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { LogWatch } from '../log/log-watch.js';
import { Archive } from '../archive/archive.js';
import { QueueCatalogue } from '../queues/queue-catalogue.js';
import { QueueDepths } from '../queues/queue-depths.js';
import type { SubmitTask, SubmittedTask } from './submit-task.schema.js';
import { duplicateOf, submitted } from './submitted-task.js';
import { orderOf } from './task-order.js';
import type { TaskOrder } from './task-order.js';
import { UniqueSubmissions } from './unique-submissions.service.js';

const NAMED_AT_MOST = 20;

/** Turns what somebody asks for into a task of the log. */
@Injectable()
export class Submissions {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly watch: LogWatch,
    private readonly handlers: HandlerCatalogue,
    private readonly queues: QueueCatalogue,
    private readonly depths: QueueDepths,
    private readonly archive: Archive,
    private readonly unique: UniqueSubmissions,
  ) {}

  /**
   * Whether the log takes submissions now; asked once per request.
   *
   * @throws ProblemError `log/unavailable`, `log/store-full` or `gateway/overloaded`
   */
  async open(): Promise<void> {
    this.watch.refuseWhenFull();
    this.gate.refuseWhenBusy();
    await this.gate.pass();
  }

  /**
   * Writes one task and resolves once the log has it; a duplicate resolves with the first task.
   *
   * @throws ProblemError when it is refused; nothing was written then
   * @throws LogUnavailableError without an answer of the log; the task may have been written
   */
  async submit(body: SubmitTask, by: Origin): Promise<SubmittedTask> {
    // Without an await where none is needed: a bulk takes this path a thousand times.
    const { task_name, allow_unknown = false } = body;
    const handler = this.handlers.find(task_name) ?? (await this.handlerOf(task_name, allow_unknown));
    if (body.queue !== undefined && !this.queues.has(body.queue)) await this.refuseUnknownQueue(body.queue);
    const now = Date.now();
    const queue = this.queues.queueFor(body.queue, task_name, handler);
    const order = orderOf(body, handler, queue, { now, correlationId: by.correlationId });
    const { unique } = order;
    if (unique) return this.unique.submit({ ...order, unique }, by, now);
    if (order.mayExist && this.watch.hasForgotten) {
      // Without Postgres the log alone decides.
      const first = await this.archive.findIfThere(order.ref.task_id);
      if (first) return duplicateOf(stateOf(first));
    }
    return this.depths.admit(order.ref, order.mayExist, () => this.#write(order, by, now));
  }

  /** @throws ProblemError `task/unknown-name` when no handler has registered the name, and that is not allowed */
  async handlerOf(taskName: string, allowUnknown = false): Promise<KnownHandler | undefined> {
    const handler = this.handlers.find(taskName) ?? (await this.handlers.look(taskName));
    if (handler || allowUnknown) return handler;
    const message = `No handler has registered the name "${taskName}". Start a worker that has it, see GET /api/v1/handlers for what is there, or send allow_unknown: true.`;
    throw new ProblemError('task/unknown-name', message, { errors: [{ path: 'task_name', message }] });
  }

  /** @throws ProblemError `task/unknown-queue` when the queue is not defined */
  async refuseUnknownQueue(queue: string): Promise<void> {
    if (this.queues.has(queue) || (await this.queues.look(queue))) return;
    const message = `The queue "${queue}" is not defined. Known are: ${this.queues.all().slice(0, NAMED_AT_MOST).join(', ')}. A worker that serves a queue defines it, and PUT /api/v1/queues/${queue} does.`;
    throw new ProblemError('task/unknown-queue', message, { errors: [{ path: 'queue', message }] });
  }

  async #write(order: TaskOrder, by: Origin, now: number): Promise<SubmittedTask> {
    const { ref, event, spec, uniqueId } = order;
    try {
      const options = { actor: by.actor, now, uniqueId, deadlineMs: DEADLINE_MS };
      const { sequence } = await this.log.append(ref, 0, event, options);
      return submitted(ref, spec, sequence);
    } catch (error) {
      if (error instanceof ConcurrencyError) return this.#first(order, error);
      throw error;
    }
  }

  /** The id is taken: the answer is the task that has it. */
  async #first({ ref }: TaskOrder, conflict: ConcurrencyError): Promise<SubmittedTask> {
    const state = await this.log.read.task({ task_id: ref.task_id }, conflict.actual);
    if (state.phase !== 'none') return duplicateOf(state);
    const archived = await this.archive.tasks.get(ref.task_id);
    if (archived) return duplicateOf(stateOf(archived));
    throw new LogUnavailableError(`The first task with the id ${ref.task_id} cannot be read.`);
  }
}
