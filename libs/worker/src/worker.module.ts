import { Inject, Injectable, Module } from '@nestjs/common';
import type { DynamicModule, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerExplorer } from './handlers/handler-explorer.js';
import { isHandlerProcess, ownProgram, serveHandlers } from './isolation/isolated-handler.js';
import { TaskWorker } from './task-worker.js';
import { WORKER_OPTIONS } from './worker-options.js';
import type { WorkerOptions } from './worker-options.js';

/**
 * Starts a worker with the handlers of the application, and drains it when the application closes. Where the program was started as a
 * child, it runs handlers for its parent instead.
 */
@Injectable()
class WorkerService implements OnApplicationBootstrap, OnApplicationShutdown {
  #worker: TaskWorker | undefined;

  constructor(
    private readonly explorer: HandlerExplorer,
    @Inject(WORKER_OPTIONS) private readonly options: WorkerOptions,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const handlers = this.explorer.explore();
    if (isHandlerProcess()) {
      serveHandlers(handlers, this.options.logger.level);
      return;
    }
    this.#worker = new TaskWorker(handlers, { handlerProgram: ownProgram(), ...this.options });
    await this.#worker.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#worker?.stop();
  }
}

/** Makes a Nest application a worker: import it next to the modules whose providers have `@TaskHandler` methods. */
@Module({})
export class WorkerModule {
  static register(options: WorkerOptions): DynamicModule {
    return {
      module: WorkerModule,
      imports: [DiscoveryModule],
      providers: [HandlerExplorer, WorkerService, { provide: WORKER_OPTIONS, useValue: options }],
    };
  }
}
