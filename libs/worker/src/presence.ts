import { hostname } from 'node:os';
import { PRESENCE_SECONDS } from '@millrace/log';
import type { Bucket, TaskLog, WorkerRecord } from '@millrace/log';
import type { AttemptLog } from './attempt-log.js';
import type { Execution } from './execution/executor.js';
import type { Repertoire } from './handlers/repertoire.js';
import { VERSION } from './version.js';
import type { WorkerOptions } from './worker-options.js';

const RENEW_EVERY_MS = (PRESENCE_SECONDS * 1000) / 3;
/** Workers that started together must not renew together. */
const JITTER = 0.2;
const RUNNING_AT_MOST = 100;

/**
 * Shows that a worker lives, and what it does: an entry in the bucket `workers` that expires unless it is renewed. Nothing of it is on the
 * path of a task, and no task depends on it.
 */
export class Presence {
  #timer: NodeJS.Timeout | undefined;
  #written: Promise<void> = Promise.resolve();
  #isWithdrawn = false;
  #isFailing = false;

  constructor(
    private readonly bucket: Bucket<WorkerRecord>,
    private readonly describe: () => WorkerRecord,
    /** Told the first of several failures in a row; it is tried again by itself. */
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Shows the worker as it is now, and from then on every few seconds. */
  show(): void {
    this.#written = this.#written.then(() => this.#write());
  }

  /** Takes the entry away. */
  async withdraw(): Promise<void> {
    this.#isWithdrawn = true;
    clearTimeout(this.#timer);
    // An entry that was still on its way would stay behind.
    await this.#written;
    await this.bucket.delete(this.describe().worker_id).catch(this.onError);
  }

  async #write(): Promise<void> {
    if (this.#isWithdrawn) return;
    clearTimeout(this.#timer);
    try {
      const record = this.describe();
      await this.bucket.put(record.worker_id, record);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.onError(error);
      this.#isFailing = true;
    }
    // A stop came meanwhile: nothing may be planned any more.
    if (this.#isOver()) return;
    this.#timer = setTimeout(() => this.show(), RENEW_EVERY_MS * (1 - JITTER * Math.random())).unref();
  }

  /** A call, because the compiler takes the field for unchanged across an await. */
  #isOver(): boolean {
    return this.#isWithdrawn;
  }
}

/** What of a worker is shown beside its options. */
export interface ShownWorker extends Pick<WorkerRecord, 'worker_id' | 'queues' | 'slots'> {
  repertoire: Repertoire;
  /** In the order of their start. */
  executions: ReadonlyMap<number, Execution>;
  attempts: AttemptLog;
  isStopping: () => boolean;
}

/** Shows a worker from now on, and at once when the broker is back: it may have forgotten everything that was in its memory. */
export function showPresence(log: TaskLog, options: WorkerOptions, worker: ShownWorker): Presence {
  const { repertoire, executions, attempts, isStopping, ...shown } = worker;
  const about = {
    ...shown,
    handlers: repertoire.names,
    unsuited_handlers: [...repertoire.unsuited],
    host: hostname(),
    pid: process.pid,
    version: VERSION,
    started_at: new Date().toISOString(),
    labels: { ...options.labels },
    prefetch: options.prefetch ?? 0,
  };
  const describe = (): WorkerRecord => ({
    ...about,
    last_seen: new Date().toISOString(),
    status: isStopping() ? 'draining' : 'active',
    running: runningOf(executions),
    running_count: executions.size,
    done: attempts.done,
    failed: attempts.failed,
    memory_bytes: process.memoryUsage.rss(),
  });
  const presence = new Presence(log.buckets.workers, describe, (error) => {
    options.logger.warn({ err: error }, 'This worker cannot be shown; it is tried again');
  });
  log.on('reconnected', () => {
    presence.show();
  });
  presence.show();
  return presence;
}

function runningOf(executions: ReadonlyMap<number, Execution>): WorkerRecord['running'] {
  const running: WorkerRecord['running'] = [];
  for (const { attempt } of executions.values()) {
    if (running.length === RUNNING_AT_MOST) break;
    const { id, spec, queue, run, started_at } = attempt.state;
    running.push({ task_id: id, task_name: spec.name, queue, attempt: run.attempt, started_at });
  }
  return running;
}
