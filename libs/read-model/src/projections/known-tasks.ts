import { hasEnded } from '@millrace/domain';
import type { Json } from '@millrace/domain';
import type { ProjectedTask } from '../tasks/task.projection.js';

/** Stands for parameters that are in the table already: they may be long, and are needed by no fold. */
export const STORED_PARAMETERS: Json = Object.freeze({ stored: true });

/**
 * The tasks that were seen last, as they are in the table or will be when all batches are written that were folded. Bounded: who was not
 * seen for the longest goes first.
 */
export class KnownTasks {
  readonly #tasks = new Map<string, ProjectedTask>();

  constructor(private readonly limit: number) {}

  has(id: string): boolean {
    return this.#tasks.has(id);
  }

  /** Those of the tasks that are known. */
  of(ids: Iterable<string>): Map<string, ProjectedTask> {
    const known = new Map<string, ProjectedTask>();
    for (const id of ids) {
      const task = this.#tasks.get(id);
      if (task) known.set(id, task);
    }
    return known;
  }

  /** Remembers tasks that will be written before any batch that is folded from now on. */
  remember(tasks: Iterable<[string, ProjectedTask]>): void {
    for (const [id, task] of tasks) {
      this.#tasks.delete(id);
      this.#tasks.set(id, withStoredParameters(task));
    }
  }

  /** They are written. Those that have ended are forgotten, hardly one comes back, and those that are too many. */
  settle(tasks: Iterable<[string, ProjectedTask]>): void {
    for (const [id] of tasks) {
      const known = this.#tasks.get(id);
      if (known && hasEnded(known.state)) this.#tasks.delete(id);
    }
    for (const id of this.#tasks.keys()) {
      if (this.#tasks.size <= this.limit) return;
      this.#tasks.delete(id);
    }
  }

  forgetAll(): void {
    this.#tasks.clear();
  }
}

function withStoredParameters(task: ProjectedTask): ProjectedTask {
  const { parameters } = task.state;
  if (parameters === undefined || parameters === STORED_PARAMETERS) return task;
  return { state: { ...task.state, parameters: STORED_PARAMETERS }, notes: task.notes };
}
