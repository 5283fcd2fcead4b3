import type { Progress } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';
import type { TaskContext } from '../task-context.js';
import type { Attempt } from './attempt.js';
import type { ProgressReporter } from './progress-reporter.js';

/** The context of a handler. What costs something (the logger, the signal) is made when the handler first asks for it. */
export class AttemptContext implements TaskContext {
  #log: Logger | undefined;

  /** A property, so that a handler may take it out of the context. */
  readonly progress = (progress: Progress): void => {
    this.reporter().report(progress);
  };

  constructor(
    readonly params: unknown,
    private readonly attemptInHand: Attempt,
    private readonly reporter: () => ProgressReporter,
    private readonly logger: Logger,
  ) {}

  get taskId(): string {
    return this.attemptInHand.state.id;
  }

  get taskName(): string {
    return this.attemptInHand.state.spec.name;
  }

  get queue(): string {
    return this.attemptInHand.state.queue;
  }

  get attempt(): number {
    return this.attemptInHand.state.run.attempt;
  }

  get maxRetries(): number {
    return this.attemptInHand.state.spec.retry.max_retries;
  }

  get fencingToken(): number {
    return this.attemptInHand.token;
  }

  get signal(): AbortSignal {
    return this.attemptInHand.signal;
  }

  get userId(): string | undefined {
    return this.attemptInHand.state.spec.user_id;
  }

  get correlationId(): string | undefined {
    return this.attemptInHand.state.spec.correlation_id;
  }

  get tags(): readonly string[] {
    return this.attemptInHand.state.spec.tags ?? [];
  }

  get log(): Logger {
    this.#log ??= this.logger.child({
      task_id: this.taskId,
      task_name: this.taskName,
      attempt: this.attempt,
      ...(this.correlationId !== undefined && { correlation_id: this.correlationId }),
    });
    return this.#log;
  }
}
