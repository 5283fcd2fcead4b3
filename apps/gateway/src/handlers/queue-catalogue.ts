import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { TaskLog } from '@millrace/log';

/** Always defined: where a task goes when nobody names a queue. */
export const DEFAULT_QUEUE = 'default';

/** Which queues are defined, watched into memory. */
@Injectable()
export class QueueCatalogue implements OnModuleInit, OnApplicationShutdown {
  readonly #queues = new Set<string>([DEFAULT_QUEUE]);
  #stop: (() => void) | undefined;

  constructor(private readonly log: TaskLog) {}

  async onModuleInit(): Promise<void> {
    this.#stop = await this.log.buckets.queues.watch((name, record) => {
      if (record) this.#queues.add(name);
      else if (name !== DEFAULT_QUEUE) this.#queues.delete(name);
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
    const isDefined = (await this.log.buckets.queues.get(queue)) !== undefined;
    if (isDefined) this.#queues.add(queue);
    return isDefined;
  }

  all(): string[] {
    return [...this.#queues].sort();
  }
}
