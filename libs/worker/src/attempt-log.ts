import type { Fact } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';
import { TaskCancelledError } from './errors.js';
import type { AttemptDurations } from './attempt-durations.js';
import type { Attempt } from './execution/attempt.js';
import type { Outcome } from './execution/outcome.js';

/** Tells the worker's own log what becomes of attempts, and counts them. What is below the logger's level costs nothing but a look. */
export class AttemptLog {
  /** Tasks that succeeded here. */
  done = 0;
  /** Attempts that failed here. */
  failed = 0;

  constructor(
    private readonly logger: Logger,
    /** Undefined where nobody asks for them. */
    private readonly durations?: AttemptDurations,
  ) {}

  started({ state }: Attempt): void {
    if (!this.logger.isLevelEnabled('info')) return;
    this.logger.info({ ...taskOf(state), attempt: state.run.attempt }, 'Task started');
  }

  /** @param fact that says how it ended; none when somebody else has moved the task, or cancelled it */
  ended({ state }: Attempt, outcome: Outcome, fact: Fact | undefined): void {
    const error = outcome.type === 'failed' ? outcome.error : outcome.type === 'interrupted' && outcome.by;
    if (fact?.kind === 'succeeded') {
      this.done++;
      this.durations?.observe(state.queue, state.spec.name, 'succeeded', fact.data.duration_ms);
      if (!this.logger.isLevelEnabled('info')) return;
      const duration = fact.data.duration_ms / 1000;
      this.logger.info({ ...taskOf(state), duration, state: 'SUCCESS' }, 'Task completed');
    } else if (fact?.kind === 'failed') {
      this.failed++;
      this.#failed(state, fact.data.duration_ms);
      this.logger.error({ ...taskOf(state), exception: fact.data.error.name, err: error }, 'Task failed');
    } else if (fact?.kind === 'scheduled') {
      this.failed++;
      this.#failed(state, fact.data.duration_ms);
      const { attempt } = state.run;
      const reason = fact.data.error?.message;
      this.logger.warn(
        { ...taskOf(state), reason, attempt, until: fact.data.until, err: error },
        'Task retry scheduled',
      );
    } else if (error instanceof TaskCancelledError) {
      this.logger.warn({ ...taskOf(state), terminated: true }, 'Task revoked');
    }
  }

  #failed({ queue, spec }: Attempt['state'], durationMs: number | undefined): void {
    if (durationMs !== undefined) this.durations?.observe(queue, spec.name, 'failed', durationMs);
  }
}

const taskOf = ({ id, spec }: Attempt['state']) => ({
  task_id: id,
  task_name: spec.name,
  ...(spec.correlation_id !== undefined && { correlation_id: spec.correlation_id }),
});
