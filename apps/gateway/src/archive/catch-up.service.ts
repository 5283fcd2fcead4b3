import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { TaskLog, subjects } from '@millrace/log';
import { Archive } from './archive.js';
import { ProblemError } from '../http/problem.js';

const WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;
const RETRY_AFTER_SECONDS = 5;

/** For operations that must not overlook what was written a moment ago. */
@Injectable()
export class CatchUp {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /**
   * Resolves once the read model knows all that the log knows now.
   *
   * @throws ProblemError `archive/behind` when it takes too long
   */
  async untilNow(): Promise<void> {
    const { lastSequence } = await this.log.admin.state();
    const deadline = performance.now() + WITHIN_MS;
    for (;;) {
      const { sequence } = await this.archive.tasks.projection();
      if (sequence >= lastSequence) return;
      // Timers and asks are no part of the read model, and may be all that came since.
      const missing = await this.log.read.nextOn(subjects.allTasks, sequence + 1);
      if (!missing || missing.sequence > lastSequence) return;
      if (performance.now() > deadline) throw behind(lastSequence - sequence);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

const behind = (messages: number): ProblemError =>
  new ProblemError(
    'archive/behind',
    `Postgres is ${messages} messages behind the log, and would miss tasks. Nothing was done; ask again when the projector has caught up.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
