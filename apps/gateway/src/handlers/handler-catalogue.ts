import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { isName } from '@millrace/domain';
import { BadBodyError, TaskLog } from '@millrace/log';
import type { HandlerRecord } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { LOGGER } from '../gateway.constants.js';
import { KnownHandler } from './known-handler.js';

/** What workers have registered, watched into memory. */
@Injectable()
export class HandlerCatalogue implements OnModuleInit, OnApplicationShutdown {
  readonly #handlers = new Map<string, KnownHandler>();
  #stop: (() => void) | undefined;

  constructor(
    private readonly log: TaskLog,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    this.#stop = await this.log.buckets.handlers.watch(
      (name, record) => {
        if (record) this.#keep(name, record);
        else this.#handlers.delete(name);
      },
      (error) => this.logger.error({ err: error }, 'The handlers cannot be followed'),
    );
  }

  onApplicationShutdown(): void {
    this.#stop?.();
  }

  find(taskName: string): KnownHandler | undefined {
    return this.#handlers.get(taskName);
  }

  /** Asks the bucket itself: a handler that was registered this instant may not have reached the memory yet. */
  async look(taskName: string): Promise<KnownHandler | undefined> {
    if (!isName(taskName)) return undefined;
    const entry = await this.log.buckets.handlers.get(taskName).catch(ifUnreadable);
    return entry && this.#keep(taskName, entry.value);
  }

  /** All of them, by name. */
  all(): HandlerRecord[] {
    return [...this.#handlers.values()]
      .map(({ record }) => record)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #keep(name: string, record: HandlerRecord): KnownHandler {
    const handler = new KnownHandler(record, (error) => {
      this.logger.warn({ err: error, task_name: name }, 'The schema of a handler cannot be used');
    });
    this.#handlers.set(name, handler);
    return handler;
  }
}

/** A record that is none is passed over by the watch, too. */
function ifUnreadable(error: unknown): undefined {
  if (!(error instanceof BadBodyError)) throw error;
}
