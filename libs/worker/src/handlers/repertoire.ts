import type { Handler } from './handler.js';
import { requiredLabels } from './labels.js';
import type { Labels } from './labels.js';

/** A handler that a worker has loaded and does not run. */
export interface UnsuitedHandler {
  task_name: string;
  requires: Labels;
}

/** What a worker can run: the handlers it has loaded, less those that require labels it has not. */
export class Repertoire {
  readonly unsuited: readonly UnsuitedHandler[];
  readonly #suited: ReadonlyMap<string, Handler>;

  constructor(
    private readonly loaded: ReadonlyMap<string, Handler>,
    labels: Labels = {},
  ) {
    const suited = new Map<string, Handler>();
    const unsuited: UnsuitedHandler[] = [];
    for (const [task_name, handler] of loaded) {
      const requires = requiredLabels(handler.options);
      if (Object.entries(requires).every(([name, value]) => labels[name] === value))
        suited.set(task_name, handler);
      else unsuited.push({ task_name, requires });
    }
    this.#suited = suited;
    this.unsuited = unsuited;
  }

  /** Names of the tasks that can be run. */
  get names(): string[] {
    return [...this.#suited.keys()];
  }

  /** Where those tasks go when their submitter names no queue. */
  get queues(): string[] {
    return [...new Set([...this.#suited.values()].map(({ queue }) => queue))];
  }

  /** All handlers that were loaded: others may run what this worker does not. */
  all(): Iterable<Handler> {
    return this.loaded.values();
  }

  find(taskName: string): Handler | undefined {
    return this.#suited.get(taskName);
  }

  /** Whether the handler is here, be it that it may not run. */
  has(taskName: string): boolean {
    return this.loaded.has(taskName);
  }
}
