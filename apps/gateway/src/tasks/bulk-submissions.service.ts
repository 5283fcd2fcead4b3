import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from '@millrace/runtime';
import type { Origin } from '../auth/caller.decorator.js';
import { LOGGER } from '../gateway.constants.js';
import { internalProblem, problemOf } from '../http/problem-of.js';
import { invalidRequest } from '../http/validation.pipe.js';
import { refuseKeyOfBulk } from './idempotency-key.js';
import { Submissions } from './submissions.service.js';
import { SubmitTask } from './submit-task.schema.js';
import type { BulkEntry, EntryError, SubmittedTasks } from './submit-task.schema.js';

/** Submits many tasks at once: all writes are under way together. */
@Injectable()
export class BulkSubmissions {
  constructor(
    private readonly submissions: Submissions,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async submit(entries: unknown[], key: string | undefined, by: Origin): Promise<SubmittedTasks> {
    refuseKeyOfBulk(key);
    const outcomes = await Promise.all(entries.map((entry) => this.#submitOne(entry, by)));
    const rejections = outcomes.filter((outcome) => outcome instanceof Rejection);
    const [first] = rejections;
    // Not one was written, for no fault of theirs: that is no success with a list of errors.
    if (first && rejections.length === outcomes.length && rejections.every(({ away }) => away))
      throw first.cause;
    const results = outcomes.map((outcome) =>
      outcome instanceof Rejection ? { error: outcome.error } : outcome,
    );
    return { accepted: results.length - rejections.length, rejected: rejections.length, results };
  }

  async #submitOne(entry: unknown, by: Origin): Promise<BulkEntry | Rejection> {
    try {
      const read = SubmitTask.safeParse(entry);
      if (!read.success) throw invalidRequest(read.error.issues);
      const { task_id, status, duplicate, replaced } = await this.submissions.submit(read.data, by);
      return { task_id, status, duplicate, replaced };
    } catch (cause) {
      return this.#rejection(cause, by);
    }
  }

  #rejection(cause: unknown, by: Origin): Rejection {
    const foreseen = problemOf(cause);
    if (!foreseen) this.logger.error({ err: cause, correlation_id: by.correlationId }, 'A submission failed');
    const { status, code, detail, errors } = (foreseen ?? internalProblem()).body;
    return new Rejection({ code, detail, ...(errors && { errors }) }, cause, status === 503);
  }
}

class Rejection {
  constructor(
    readonly error: EntryError,
    readonly cause: unknown,
    /** The log could not take it; another time it might. */
    readonly away: boolean,
  ) {}
}
