import type { RunRef, TaskRef } from '@millrace/log';
import type { Attempt, Interruption } from './attempt.js';
import type { Execution } from './executor.js';

/** What a worker runs, found by token, by ticket or by task. */
export class RunningAttempts {
  readonly #executions = new Map<number, Execution>();
  readonly #byTask = new Map<string, Attempt>();
  readonly #claiming = new Set<number>();

  /** Those whose handler has begun, by token. */
  get executions(): ReadonlyMap<number, Execution> {
    return this.#executions;
  }

  /** Whether an attempt runs here. A claim under way counts: its answer may be lost while the fact is in the log. */
  includes({ token, ticket }: RunRef): boolean {
    return this.#executions.has(token) || this.#claiming.has(ticket);
  }

  of(task: TaskRef): Attempt | undefined {
    return this.#byTask.get(keyOf(task.queue, task.task_id));
  }

  claiming(ticket: number): void {
    this.#claiming.add(ticket);
  }

  claimed(ticket: number): void {
    this.#claiming.delete(ticket);
  }

  began(attempt: Attempt): void {
    this.#byTask.set(keyOf(attempt.state.queue, attempt.state.id), attempt);
  }

  started(execution: Execution): void {
    this.#executions.set(execution.attempt.token, execution);
  }

  ended(attempt: Attempt): void {
    this.#executions.delete(attempt.token);
    const key = keyOf(attempt.state.queue, attempt.state.id);
    if (this.#byTask.get(key) === attempt) this.#byTask.delete(key);
  }

  /** Asks all handlers to stop. */
  abort(by: Error): void {
    for (const { attempt } of this.#executions.values()) attempt.abort(by);
  }

  /** Ends all attempts, whatever their handlers do. */
  interrupt(by: Interruption): void {
    for (const { attempt } of this.#executions.values()) attempt.interrupt(by);
  }
}

const keyOf = (queue: string, id: string): string => `${queue}.${id}`;
