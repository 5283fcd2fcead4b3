import { Injectable } from '@nestjs/common';
import { DiscoveryService, ExternalContextCreator, MetadataScanner, Reflector } from '@nestjs/core';
import { TASK_HANDLER } from './task-handler.decorator.js';
import type { TaskHandlerOptions } from './task-handler.decorator.js';
import { createHandler } from './handler.js';
import type { Handler } from './handler.js';

/** The type that guards and interceptors see in `ExecutionContext.getType()`. */
const CONTEXT_TYPE = 'task';

/** Finds the methods that `@TaskHandler` marks in the providers of all modules. */
@Injectable()
export class HandlerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly contexts: ExternalContextCreator,
  ) {}

  /** @throws Error when two methods handle the same task */
  explore(): Map<string, Handler> {
    const handlers = new Map<string, Handler>();
    for (const { instance } of this.discovery.getProviders() as { instance: unknown }[]) {
      if (typeof instance !== 'object' || instance === null) continue;
      for (const handler of this.#handlersOf(instance)) {
        if (handlers.has(handler.name)) throw new Error(`Two methods handle the task "${handler.name}".`);
        handlers.set(handler.name, handler);
      }
    }
    return handlers;
  }

  #handlersOf(instance: object): Handler[] {
    const prototype = Object.getPrototypeOf(instance) as object | null;
    if (!prototype) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const callback = (instance as Record<string, unknown>)[method] as (...args: unknown[]) => unknown;
      if (typeof callback !== 'function') return [];
      const options = this.reflector.get<TaskHandlerOptions | undefined>(TASK_HANDLER, callback);
      if (!options) return [];
      const invoke = this.contexts.create(
        instance,
        callback,
        method,
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        CONTEXT_TYPE,
      ) as Handler['invoke'];
      return [createHandler(options, invoke)];
    });
  }
}
