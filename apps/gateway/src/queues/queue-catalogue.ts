import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { QueueLimits } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { QueueRecord } from '@millrace/log';
import type { KnownHandler } from '../handlers/known-handler.js';
import { DEFAULT_QUEUE, DEFAULT_RECORD, KnownQueue } from './known-queue.js';

/** The queues that are defined, watched into memory: a submission asks nobody. */
@Injectable()
export class QueueCatalogue implements OnModuleInit, OnApplicationShutdown {
  readonly #queues = new Map<string, KnownQueue>();
  /** Task name → queue. */
  #routes: ReadonlyMap<string, string> = new Map();
  #stop: (() => void) | undefined;

  constructor(private readonly log: TaskLog) {
    this.keep(DEFAULT_RECORD);
  }

  async onModuleInit(): Promise<void> {
    this.#stop = await this.log.buckets.queues.watch((name, record) => {
      if (record) this.keep(record);
      else if (name === DEFAULT_QUEUE) this.keep(DEFAULT_RECORD);
      else this.#forget(name);
    });
  }

  onApplicationShutdown(): void {
    this.#stop?.();
  }

  has(queue: string): boolean {
    return this.#queues.has(queue);
  }

  /** Asks the bucket itself: a queue that was defined this instant may not have reached the memory yet. */
  async look(queue: string): Promise<boolean> {
    const entry = await this.log.buckets.queues.get(queue);
    if (entry) this.keep(entry.value);
    return entry !== undefined;
  }

  all(): string[] {
    return [...this.#queues.keys()].sort();
  }

  /** A queue by its name; one that is not defined has no settings. */
  get(queue: string): KnownQueue {
    return this.#queues.get(queue) ?? new KnownQueue({ name: queue, defined_by: '' });
  }

  /** Where a task goes: to the queue that its submitter names, else the one that routes its name, else its handler's. */
  queueFor(asked: string | undefined, taskName: string, handler: KnownHandler | undefined): KnownQueue {
    return this.get(asked ?? this.#routes.get(taskName) ?? handler?.record.queue ?? DEFAULT_QUEUE);
  }

  /** How many tasks of the queue may run, and whose turn it is; undefined without any limits. */
  limitsOf(queue: string): QueueLimits | undefined {
    return this.#queues.get(queue)?.record.settings;
  }

  /** What was written here counts from now on, before the watch brings it. */
  keep(record: QueueRecord): void {
    this.#queues.set(record.name, new KnownQueue(record));
    this.#route();
  }

  #forget(queue: string): void {
    this.#queues.delete(queue);
    this.#route();
  }

  /** Two queues routed at the same instant may have the same name: then the first one by its own name has it. */
  #route(): void {
    const queues = this.all().reverse();
    this.#routes = new Map(
      queues.flatMap((queue) => this.get(queue).settings.routes?.map((name) => [name, queue] as const) ?? []),
    );
  }
}
