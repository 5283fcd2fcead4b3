import { Injectable } from '@nestjs/common';
import { CLEANUP, TaskLog, cleanupNoteSchema, readNote } from '@millrace/log';
import type { CleanupReport } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { GATEWAY_PROBLEMS, ProblemError } from '../http/problem.js';
import type { GatewayProblemCode } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { CleanUp, CleanupDone, CleanupRun, CleanupRuns } from './cleanup.schema.js';

/** A run ends by itself before this. */
const ANSWER_WITHIN_MS = 45_000;
const RETRY_AFTER_SECONDS = 5;
const TOLD_DAYS = 7;
const DAY_MS = 24 * 3_600_000;
const RUNS_AT_MOST = 100;

/** Has the scheduler clean up ended tasks, and tells of its runs. */
@Injectable()
export class Cleanups {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  /** @throws ProblemError when nobody answers, or the scheduler cannot tell what is due */
  async run({ dry_run, queue, task_name }: CleanUp, by: Origin): Promise<CleanupDone> {
    await this.gate.pass();
    const request = { dry_run, queue, task_name, actor: by.actor };
    const answer = await this.log.askCleanup(request, ANSWER_WITHIN_MS);
    if (!answer) throw refusal('scheduler/unavailable', NOBODY);
    if ('refused' in answer) throw refusal(answer.refused.code, answer.refused.detail);
    const { tasks_cleaned, state_cleaned, temp_files_cleaned, by_task, errors, is_complete } = answer.report;
    return {
      success: errors.length === 0,
      results: { tasks_cleaned, state_cleaned, temp_files_cleaned, by_task, errors },
      message: messageOf(answer.report, dry_run),
      dry_run,
      is_complete,
    };
  }

  async runs(): Promise<CleanupRuns> {
    await this.gate.pass();
    const since = new Date(Date.now() - TOLD_DAYS * DAY_MS);
    const notes = await this.log.read.notes(CLEANUP.noun, CLEANUP.done, since);
    const runs = notes.flatMap((message): CleanupRun[] => {
      const note = readNote(cleanupNoteSchema, message);
      if (!note) return [];
      const { at: _at, queue = null, task_name = null, ...report } = note;
      return [{ sequence: message.sequence, queue, task_name, ...report }];
    });
    return {
      since: since.toISOString(),
      totals: totalsOf(runs),
      items: runs.reverse().slice(0, RUNS_AT_MOST),
    };
  }
}

function messageOf({ tasks_cleaned, errors, is_complete }: CleanupReport, isDryRun: boolean): string {
  if (isDryRun) return `Nothing was changed: ${tasks_cleaned} tasks would be cleaned up`;
  if (errors.length > 0) return 'Failed tasks cleanup completed with errors';
  return is_complete
    ? 'Failed tasks cleanup completed'
    : 'Failed tasks cleanup done in part: more are due, the next run goes on';
}

function totalsOf(runs: readonly CleanupRun[]): CleanupRuns['totals'] {
  const sumOf = (count: (run: CleanupRun) => number): number =>
    runs.reduce((sum, run) => sum + count(run), 0);
  const by_task: CleanupRun['by_task'] = {};
  for (const run of runs)
    for (const [name, byStatus] of Object.entries(run.by_task))
      for (const [status, count] of Object.entries(byStatus)) {
        const sums = (by_task[name] ??= {});
        sums[status] = (sums[status] ?? 0) + count;
      }
  return {
    runs: runs.length,
    tasks_cleaned: sumOf((run) => run.tasks_cleaned),
    state_cleaned: sumOf((run) => run.state_cleaned),
    temp_files_cleaned: sumOf((run) => run.temp_files_cleaned),
    errors: sumOf((run) => run.errors.length),
    by_task,
  };
}

const NOBODY =
  'No scheduler has answered. Is one running? Nothing is lost: what is due is cleaned up by its next regular run.';

function refusal(code: string, detail: string): ProblemError {
  const known: GatewayProblemCode =
    code in GATEWAY_PROBLEMS ? (code as GatewayProblemCode) : 'scheduler/unavailable';
  const retry = GATEWAY_PROBLEMS[known].status === UNAVAILABLE;
  return new ProblemError(known, detail, retry ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {});
}

const UNAVAILABLE = 503;
