import type { CleanupReport } from '@millrace/log';
import type { TaskSummary } from '@millrace/read-model';

/** So many are told; more of them mean that something is wrong with all. */
export const ERRORS_AT_MOST = 20;

/** What a run has done so far. */
export class Tally {
  readonly #startedAt = new Date();
  readonly #begun = performance.now();
  readonly #byTask = new Map<string, Record<string, number>>();
  readonly #errors: CleanupReport['errors'] = [];
  #tasks = 0;
  #states = 0;
  #files = 0;

  get tasks(): number {
    return this.#tasks;
  }

  get elapsedMs(): number {
    return performance.now() - this.#begun;
  }

  /** So much went wrong that going on makes no sense. */
  get isHopeless(): boolean {
    return this.#errors.length >= ERRORS_AT_MOST;
  }

  cleaned({ name, status, checkpoint, step }: TaskSummary): void {
    this.#tasks++;
    if (checkpoint > 0 || step > 0) this.#states++;
    const byStatus = this.#byTask.get(name) ?? {};
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    this.#byTask.set(name, byStatus);
  }

  removed(files: number): void {
    this.#files += files;
  }

  failed(task_id: string, error: unknown): void {
    if (this.isHopeless) return;
    this.#errors.push({ task_id, detail: error instanceof Error ? error.message : String(error) });
  }

  report(isComplete: boolean): CleanupReport {
    return {
      started_at: this.#startedAt.toISOString(),
      duration_ms: Math.round(this.elapsedMs),
      tasks_cleaned: this.#tasks,
      state_cleaned: this.#states,
      temp_files_cleaned: this.#files,
      by_task: Object.fromEntries(this.#byTask),
      errors: this.#errors,
      is_complete: isComplete && this.#errors.length === 0,
    };
  }
}
