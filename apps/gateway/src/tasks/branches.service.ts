import { Injectable } from '@nestjs/common';
import { NO_TASK, cleanedUp, decide, isLimited } from '@millrace/domain';
import type { ExistingTask, Json, TaskSpec } from '@millrace/domain';
import { LogUnavailableError, TaskLog } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import type { TaskDefaults } from '../handlers/known-handler.js';
import { ProblemError } from '../http/problem.js';
import { QueueCatalogue } from '../queues/queue-catalogue.js';
import type { BranchTask, BranchedTask } from './branch-task.schema.js';
import { findBranchPoint } from './branch-point.js';
import type { BranchPoint } from './branch-point.js';
import { refuseTooLarge } from './parameters-size.js';
import { Revivals } from './revivals.service.js';
import { Submissions } from './submissions.service.js';
import { TaskChanges } from './task-changes.service.js';
import { newTaskId } from './task-id.js';
import { refuseUnfit } from './task-order.js';

/** Makes new tasks that start where a run of another one once stood. */
@Injectable()
export class Branches {
  constructor(
    private readonly log: TaskLog,
    private readonly submissions: Submissions,
    private readonly queues: QueueCatalogue,
    private readonly changes: TaskChanges,
    private readonly archive: Archive,
    private readonly revivals: Revivals,
  ) {}

  /**
   * Resolves once the log has the new task. The old one goes on as if nothing had happened.
   *
   * @throws ProblemError when the facts to start from have left the log, or the parameters do not fit the handler
   */
  async branch(taskId: string, body: BranchTask, by: Origin): Promise<BranchedTask> {
    await this.submissions.open();
    const source = await this.changes.current(taskId);
    if (source.phase === 'cleaned') throw cleanedUp(source);
    const taskName = body.task_name ?? source.spec.name;
    const handler = await this.submissions.handlerOf(taskName);
    const queue = body.queue ?? (taskName === source.spec.name ? undefined : handler?.record.queue);
    if (queue !== undefined) await this.submissions.refuseUnknownQueue(queue);
    const parameters = body.parameters === undefined ? await this.#parametersOf(source) : body.parameters;
    refuseTooLarge(parameters);
    refuseUnfit(taskName, parameters, handler);
    const point = await findBranchPoint(
      this.revivals,
      source,
      body.from_sequence,
      await this.log.admin.state(),
    );
    const now = Date.now();
    const ref = { queue: queue ?? source.queue, task_id: newTaskId() };
    const defaults = this.queues.get(ref.queue).defaultsFor(handler);
    const spec = specOf(source, { ...body, task_name: taskName }, defaults, point, { now, by });
    const limited = isLimited(this.queues.limitsOf(ref.queue), spec.concurrency_key);
    const command = { type: 'submit', spec, parameters, from: point.from, limited } as const;
    const event = decide(command, NO_TASK, { now, random: 0 });
    if (!event) throw new Error('The domain made nothing of a branch.');
    if (point.isBelowLog) await this.revivals.keepRecords(ref.task_id, point.from);
    const { sequence } = await this.log.append(ref, 0, event, {
      actor: by.actor,
      now,
      deadlineMs: DEADLINE_MS,
    });
    const branched_from = { task_id: source.id, sequence: point.sequence };
    return { ...ref, branched_from, status: 'PENDING', sequence };
  }

  async #parametersOf(source: ExistingTask): Promise<Json> {
    try {
      return await this.log.read.parametersOf(source);
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
    }
    const row = await this.archive.tasks.get(source.id);
    if (row?.parameters !== undefined) return row.parameters;
    throw new ProblemError(
      'task/archived',
      'The parameters of the task have left the log and were not kept. Send parameters with the branch.',
    );
  }
}

/** What belongs to one submission only, its key and its expiry, is not taken over. */
function specOf(
  { id, spec }: ExistingTask,
  body: BranchTask & { task_name: string },
  { retry, soft_time_limit, time_limit }: TaskDefaults,
  { sequence, oldest }: BranchPoint,
  { now, by }: { now: number; by: Origin },
): TaskSpec {
  const { unique_key: _key, expires_at: _expiry, ...kept } = spec;
  return {
    ...kept,
    ...(body.task_name !== spec.name && { name: body.task_name, retry, soft_time_limit, time_limit }),
    priority: body.priority ?? spec.priority,
    submitted_at: new Date(now).toISOString(),
    correlation_id: by.correlationId,
    branched_from: { task_id: id, sequence, oldest },
  };
}
