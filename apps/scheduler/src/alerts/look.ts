import type { TaskLog, WorkerRecord } from '@millrace/log';
import type { AlertQueries, QueueNumbers, QueueQueries, TaskQueries } from '@millrace/read-model';

/** Where measures are from. */
export interface Sources {
  log: TaskLog;
  alerts: AlertQueries;
  queues: QueueQueries;
  tasks: TaskQueries;
  /** Size at which the store counts as full where the account has no limit; 0: none. */
  storeLimitBytes: number;
}

/** A queue as alert rules see it. */
export interface SeenQueue extends QueueNumbers {
  isPaused: boolean;
}

/** The measures of one round, each taken when it is first asked for. */
export class Look {
  #queues: Promise<SeenQueue[]> | undefined;
  #workers: Promise<WorkerRecord[]> | undefined;

  constructor(
    readonly sources: Sources,
    /** Milliseconds since the epoch. */
    readonly now: number,
    /** Seconds since Postgres was last reached; undefined while it is. */
    readonly postgresAwaySeconds: number | undefined,
  ) {}

  queues(): Promise<SeenQueue[]> {
    return (this.#queues ??= this.#lookAtQueues());
  }

  workers(): Promise<WorkerRecord[]> {
    return (this.#workers ??= this.sources.log.buckets.workers
      .entries()
      .then((entries) => entries.map(({ value }) => value)));
  }

  async #lookAtQueues(): Promise<SeenQueue[]> {
    const records = await this.sources.log.buckets.queues.entries();
    const paused = new Map(records.map(({ key, value }) => [key, value.paused !== undefined]));
    const numbers = await this.sources.queues.numbers([...paused.keys()]);
    return numbers.map((queue) => ({ ...queue, isPaused: paused.get(queue.queue) ?? false }));
  }
}
