import { Injectable } from '@nestjs/common';
import { TaskRefusal, hasEnded, insteadOf, statusOf } from '@millrace/domain';
import type { Json } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { TaskChanges } from './task-changes.service.js';
import type { SendSignal, SentSignal } from './task-commands.schema.js';

const PAYLOAD_BYTES = 64 * 1024;

/** Sends signals to tasks. One that nobody waits for yet stays in the log until a run of the task does. */
@Injectable()
export class TaskSignals {
  constructor(
    private readonly log: TaskLog,
    private readonly changes: TaskChanges,
  ) {}

  /**
   * Resolves once the log has the signal.
   *
   * @throws TaskRefusal when no run of the task is left that could take it
   */
  async send(taskId: string, { name, payload = null }: SendSignal, by: Origin): Promise<SentSignal> {
    refuseTooLarge(payload);
    const state = await this.changes.current(taskId);
    if (hasEnded(state))
      throw new TaskRefusal(
        'task/already-ended',
        `The task is ${statusOf(state)}; no run of it is left to take a signal. ${insteadOf(state)}`,
      );
    const task = { queue: state.queue, task_id: taskId };
    const options = { actor: by.actor, deadlineMs: DEADLINE_MS };
    return { task_id: taskId, name, sequence: await this.log.signal(task, { name, payload }, options) };
  }
}

function refuseTooLarge(payload: Json): void {
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes <= PAYLOAD_BYTES) return;
  throw new ProblemError(
    'signal/too-large',
    `The payload has ${bytes} bytes as JSON; ${PAYLOAD_BYTES} are allowed. Put it into a file or an object store and send where it is.`,
  );
}
