import { Injectable } from '@nestjs/common';
import type { ExistingTask, Fact } from '@millrace/domain';
import { RecordLostError, TaskLog, recordsOf } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';

/** Brings along what a task goes on from, before it comes back into the log, which may have let go of it. */
@Injectable()
export class Revivals {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /**
   * Keeps the checkpoint and the steps for the task, be they in the log or in the archive: what the log still has it may let go of at any
   * time until it knows that the task is back.
   *
   * @throws ProblemError `task/archived` when one of them is nowhere
   */
  async keepRecords(owner: string, names: Partial<Pick<ExistingTask, 'checkpoint' | 'step'>>): Promise<void> {
    const { checkpoint = 0, step = 0 } = names;
    if (checkpoint === 0 && step === 0) return;
    try {
      const { facts } = await recordsOf(this, { checkpoint, step });
      await Promise.all(facts.map((fact) => this.log.kept.keep(fact, owner, { deadlineMs: DEADLINE_MS })));
    } catch (error) {
      if (!(error instanceof RecordLostError)) throw error;
      throw new ProblemError(
        'task/archived',
        `The checkpoint or step ${error.sequence}, from which the run would go on, was not kept. Retry the task with from_start, or submit it anew.`,
      );
    }
  }

  /** The checkpoint or step at a sequence, from wherever it is. */
  async recordAt(sequence: number): Promise<Fact | undefined> {
    return (await this.log.read.recordAt(sequence)) ?? (await this.archive.facts.get(sequence));
  }
}
