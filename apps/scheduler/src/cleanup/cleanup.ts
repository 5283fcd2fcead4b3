import type { RetentionPolicy } from '@millrace/domain';
import { CLEANUP, LogUnavailableError } from '@millrace/log';
import type { CleanupReport, CleanupRequest, TaskLog } from '@millrace/log';
import type { CleanupQueries, SweepQueries, TaskSummary } from '@millrace/read-model';
import type { Logger } from '@millrace/runtime';
import { LogIdentity } from '../janitor/log-identity.js';
import { forEachAtMost } from '../patrol/for-each-at-most.js';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import { Cleaner } from './cleaner.js';
import { dueTasks } from './due-tasks.js';
import { withQueues } from './retention.js';
import { Tally } from './tally.js';
import { TempFiles } from './temp-files.js';

export interface CleanupOptions {
  log: TaskLog;
  tables: CleanupQueries;
  sweep: SweepQueries;
  logger: Logger;
  policy: Omit<RetentionPolicy, 'hoursByQueue'>;
  tempDir: string;
  /** Tasks that one run cleans up, about. Defaults to {@link TASKS_AT_MOST}. */
  tasksAtMost?: number;
}

const TASKS_AT_MOST = 20_000;
/** Whoever asked for a run waits for it. */
const RUN_AT_MOST_MS = 20_000;
const AT_ONCE = 50;
const FOLDERS_AT_ONCE = 500;

/** The tables tell of another log than the one that is there; nothing can be judged by them. */
export class OtherLogError extends Error {
  override readonly name = 'OtherLogError';
}

const HOURLY: CleanupRequest = { dry_run: false, actor: ACTOR };

/**
 * Lets go of ended tasks whose retention is over, and of the temporary files of what will not run again.
 *
 * Safe to kill at any line, and with two at once: each task is one conditional fact, and its files go after it, in this run or the next.
 * A task that cannot be cleaned up is told of, and holds up no other.
 */
export class Cleanup {
  readonly #files: TempFiles;
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CleanupOptions) {
    this.#files = new TempFiles(options.tempDir);
  }

  /**
   * One run; it begins when the one before has ended.
   *
   * @throws OtherLogError when the read models are of another log
   */
  run(request: CleanupRequest = HOURLY, signal?: AbortSignal): Promise<CleanupReport> {
    const run = this.#last.then(() => this.#run(request, signal));
    this.#last = run.catch(() => undefined);
    return run;
  }

  async #run(request: CleanupRequest, signal: AbortSignal | undefined): Promise<CleanupReport> {
    signal?.throwIfAborted();
    const tally = new Tally();
    const cleaned = new Set<string>();
    const isComplete = await this.#cleanTasks(request, tally, cleaned, signal);
    await this.#removeFiles(request, tally, cleaned, signal);
    const report = tally.report(isComplete);
    if (!request.dry_run) await this.#tell(request, report);
    return report;
  }

  /** True when nothing is left to do. */
  async #cleanTasks(
    { queue, task_name, dry_run, actor }: CleanupRequest,
    tally: Tally,
    cleaned: Set<string>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { log, tables, tasksAtMost = TASKS_AT_MOST } = this.options;
    const now = Date.now();
    const firstInLog = await this.#firstInLog();
    const entries = await log.buckets.queues.entries();
    const policy = withQueues(
      this.options.policy,
      entries.map(({ key, value }) => [key, value]),
    );
    const cleaner = new Cleaner({ log, policy, now, actor, firstInLog, isDryRun: dry_run });
    for await (const page of dueTasks(tables, policy, { queue, task_name }, now)) {
      if (tally.tasks >= tasksAtMost || tally.elapsedMs > RUN_AT_MOST_MS) return false;
      await forEachAtMost(AT_ONCE, page, async (row) => {
        signal?.throwIfAborted();
        if (tally.isHopeless) return;
        if (await this.#clean(cleaner, row, tally)) cleaned.add(row.id);
      });
      if (tally.isHopeless) return false;
    }
    return true;
  }

  async #clean(cleaner: Cleaner, row: TaskSummary, tally: Tally): Promise<boolean> {
    try {
      const isCleaned = await cleaner.clean(row);
      if (isCleaned) tally.cleaned(row);
      return isCleaned;
    } catch (error) {
      tally.failed(row.id, error);
      return false;
    }
  }

  async #firstInLog(): Promise<number> {
    const { log, sweep } = this.options;
    if (!log.connected) throw new LogUnavailableError('The broker is away.');
    const identity = await LogIdentity.of(log, sweep, await sweep.projections());
    const state = await identity.confirmed();
    if (!state) throw new OtherLogError('The read model tells of another log; nothing is cleaned up.');
    return state.firstSequence;
  }

  /** Also what a worker left that died after the end of its task, or a run that was killed. */
  async #removeFiles(
    { queue, task_name, dry_run }: CleanupRequest,
    tally: Tally,
    cleaned: ReadonlySet<string>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const ids = await this.#files.tasks();
    for (let at = 0; at < ids.length; at += FOLDERS_AT_ONCE) {
      signal?.throwIfAborted();
      const some = ids.slice(at, at + FOLDERS_AT_ONCE);
      const over = new Set(await this.options.tables.over(some, { queue, task_name }));
      for (const id of some) {
        if (!over.has(id) && !cleaned.has(id)) continue;
        try {
          tally.removed(dry_run ? await this.#files.count(id) : await this.#files.remove(id));
        } catch (error) {
          tally.failed(id, error);
        }
      }
    }
  }

  async #tell({ actor, queue, task_name }: CleanupRequest, report: CleanupReport): Promise<void> {
    const { log, logger } = this.options;
    const { tasks_cleaned, temp_files_cleaned, errors } = report;
    if (errors.length > 0) logger.warn({ errors }, 'Some tasks could not be cleaned up');
    if (tasks_cleaned > 0 || temp_files_cleaned > 0)
      logger.info({ tasks: tasks_cleaned, files: temp_files_cleaned }, 'Ended tasks were cleaned up');
    const note = { at: new Date().toISOString(), actor, queue, task_name, ...report };
    await log.note(CLEANUP.noun, CLEANUP.done, note, { deadlineMs: DEADLINE_MS });
  }
}
