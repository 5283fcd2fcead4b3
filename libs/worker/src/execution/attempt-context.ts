import { AsyncLocalStorage } from 'node:async_hooks';
import type { Json, Progress } from '@millrace/domain';
import type { Logger } from '@millrace/runtime';
import { UnrecoverableError } from '../errors.js';
import type { TaskContext } from '../task-context.js';
import type { AttemptPort, CheckpointOptions, SignalOptions, SleepOptions } from './attempt-port.js';
import { resultOf } from './result.js';

/** What a handler is told of its attempt, in this process or sent to a child. */
export interface AttemptFacts {
  taskId: string;
  taskName: string;
  queue: string;
  attempt: number;
  failures: number;
  maxRetries: number;
  fencingToken: number;
  userId: string | undefined;
  correlationId: string | undefined;
  tags: readonly string[];
  resumedFrom: Json | undefined;
}

/** Path of the step that the code runs in. */
const scopes = new AsyncLocalStorage<string>();
const scope = (): string => scopes.getStore() ?? '';

/** The context of a handler. What costs something (the logger, the signal) is made when the handler first asks for it. */
export class AttemptContext implements TaskContext {
  #log: Logger | undefined;

  constructor(
    private readonly facts: AttemptFacts,
    readonly params: unknown,
    private readonly port: AttemptPort,
    private readonly signalOf: () => AbortSignal,
    private readonly loggerOf: () => Logger,
  ) {}

  // Properties, so that a handler may take them out of the context.

  readonly progress = (progress: Progress): void => {
    this.port.progress(progress);
  };

  readonly tempDir: TaskContext['tempDir'] = () => mindful(this.port.tempDir());

  readonly checkpoint: TaskContext['checkpoint'] = (state, options = {}) =>
    mindful(this.#checkpoint(state, options));

  readonly step: TaskContext['step'] = (name, run) => mindful(this.#step(name, run));

  readonly sleep: TaskContext['sleep'] = (seconds, options = {}) => mindful(this.#sleep(seconds, options));

  readonly waitForSignal = <T extends Json = Json>(name: string, options: SignalOptions = {}): Promise<T> =>
    mindful(this.#waitForSignal(name, options)) as Promise<T>;

  async #checkpoint(state: Json, options: CheckpointOptions): Promise<void> {
    refuseWithin(scope(), 'save a checkpoint');
    await this.port.checkpoint(resultOf(state), options);
  }

  async #step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    const step = await this.port.beginStep(scope(), name);
    // What JSON makes of it is what every later attempt gets; the first one gets no more.
    if (step.isRecorded) return step.result as T;
    const begun = performance.now();
    let result: Json;
    try {
      result = resultOf(await scopes.run(step.key, run));
    } catch (error) {
      await this.port.failStep(step.key);
      throw error;
    }
    await this.port.endStep(step.key, result, Math.round(performance.now() - begun));
    return result as T;
  }

  async #sleep(seconds: number, options: SleepOptions): Promise<void> {
    refuseWithin(scope(), 'sleep');
    await this.port.sleep(seconds, options);
  }

  async #waitForSignal(name: string, options: SignalOptions): Promise<Json> {
    refuseWithin(scope(), 'wait for a signal');
    return this.port.waitForSignal(name, options);
  }

  get taskId(): string {
    return this.facts.taskId;
  }

  get taskName(): string {
    return this.facts.taskName;
  }

  get queue(): string {
    return this.facts.queue;
  }

  get attempt(): number {
    return this.facts.attempt;
  }

  get failures(): number {
    return this.facts.failures;
  }

  get maxRetries(): number {
    return this.facts.maxRetries;
  }

  get fencingToken(): number {
    return this.facts.fencingToken;
  }

  get signal(): AbortSignal {
    return this.signalOf();
  }

  get userId(): string | undefined {
    return this.facts.userId;
  }

  get correlationId(): string | undefined {
    return this.facts.correlationId;
  }

  get tags(): readonly string[] {
    return this.facts.tags;
  }

  get resumedFrom(): Json | undefined {
    return this.facts.resumedFrom;
  }

  get log(): Logger {
    this.#log ??= this.loggerOf();
    return this.#log;
  }
}

/** A handler that forgets to await it must not end its worker by an unhandled rejection: the attempt alone is the worse for it. */
function mindful<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A later attempt would have to run the step around it again from its start. */
function refuseWithin(step: string, what: string): void {
  if (step !== '') throw new UnrecoverableError(`A run cannot ${what} within the step "${step}".`);
}
