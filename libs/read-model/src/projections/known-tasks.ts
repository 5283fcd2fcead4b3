import { hasEnded } from '@millrace/domain';
import type { Json } from '@millrace/domain';
import type { ProjectedTask } from '../tasks/task.projection.js';

/** Stands for parameters that are in the table already: they may be long, and are needed by no fold. */
export const STORED_PARAMETERS: Json = Object.freeze({ stored: true });

/** The tasks that were seen last, as they are in the table. Bounded: who was not seen for the longest goes first. */
export class KnownTasks {
  readonly #tasks = new Map<string, ProjectedTask>();

  constructor(private readonly limit: number) {}

  get(id: string): ProjectedTask | undefined {
    return this.#tasks.get(id);
  }

  /** Remembers tasks that were written. Those that have ended are forgotten: hardly one comes back. */
  remember(tasks: Iterable<[string, ProjectedTask]>): void {
    for (const [id, task] of tasks) {
      this.#tasks.delete(id);
      if (!hasEnded(task.state)) this.#tasks.set(id, withStoredParameters(task));
    }
    for (const id of this.#tasks.keys()) {
      if (this.#tasks.size <= this.limit) return;
      this.#tasks.delete(id);
    }
  }
}

function withStoredParameters(task: ProjectedTask): ProjectedTask {
  const { parameters } = task.state;
  if (parameters === undefined || parameters === STORED_PARAMETERS) return task;
  return { state: { ...task.state, parameters: STORED_PARAMETERS }, notes: task.notes };
}
