import { setImmediate } from 'node:timers/promises';
import type { Attempt } from '../execution/attempt.js';
import type { Execution } from '../execution/executor.js';
import { enforceTimeLimits } from '../execution/time-limits.js';
import { SILENT, TestWorker } from './test-worker.js';
import type { Surroundings } from './test-worker.js';

/** After so many turns of the event loop in which nothing was written, a handler that runs waits for something. */
const QUIET_TURNS = 10;

/** Something that happens once its time has come. */
interface Moment {
  at: number;
  pass: () => Promise<void> | void;
}

/** Sets workers to work, one after the other, and lets time pass. */
export class RunDriver {
  readonly #watchers = new Set<{ isTrue: () => boolean; act: () => void }>();
  #worker: TestWorker;
  #workers = 1;
  #isWorkerLeaving = false;
  /** Token of the last attempt whose handler was called. */
  #called = 0;
  #working: Promise<void> | undefined;
  #trouble: { error: unknown } | undefined;

  constructor(private readonly around: Surroundings) {
    this.#worker = new TestWorker('worker-1', around);
  }

  /** The attempt that runs now. */
  get attempt(): Attempt | undefined {
    return this.#worker.attempt;
  }

  /** That of the last attempt. */
  get execution(): Execution | undefined {
    return this.#worker.execution;
  }

  /** Whether the handler of an attempt has come to its first wait. */
  get isHandlerRunning(): boolean {
    return this.attempt?.token === this.#called;
  }

  handlerCalled(token: number): void {
    this.#called = token;
    this.look();
  }

  crash(): void {
    this.#worker.lose();
  }

  /** The next ticket is for another worker. */
  replaceWorker(): void {
    this.#isWorkerLeaving = true;
  }

  /** Does something once, as soon as something is true. */
  when(isTrue: () => boolean, act: () => void): void {
    this.#watchers.add({ isTrue, act });
    this.look();
  }

  /** To be told after whatever may have made something true. */
  look(): void {
    for (const watcher of this.#watchers) {
      if (!watcher.isTrue()) continue;
      this.#watchers.delete(watcher);
      watcher.act();
    }
  }

  /**
   * Works on until something is true.
   *
   * @returns whether it is; else nothing is left to do
   */
  async until(isTrue: () => boolean): Promise<boolean> {
    let isReached = false;
    const reached = new Promise<void>((resolve) => {
      this.when(isTrue, () => {
        isReached = true;
        resolve();
      });
    });
    await Promise.race([reached, this.work(() => isReached)]);
    return isReached;
  }

  /** Takes ticket after ticket until there is none, or enough is done. */
  async work(isEnough: () => boolean = () => false): Promise<void> {
    for (;;) {
      await this.#working;
      if (this.#trouble) throw this.#trouble.error;
      if (this.#working) continue;
      const ticket = isEnough() ? undefined : this.around.log.takeTicket();
      if (!ticket) return;
      this.#working = this.#nextWorker()
        .handle(ticket)
        .catch((error: unknown) => {
          this.#trouble = { error };
        })
        .finally(() => {
          this.#working = undefined;
        });
    }
  }

  /** Waits after each moment for the attempt that begins with it; one that ran before comes upon its limits instead. */
  async advance(ms: number): Promise<void> {
    const { clock } = this.around;
    const until = clock.now() + ms;
    if (!this.attempt) await this.work();
    for (;;) {
      const next = this.#moments().sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > until) break;
      clock.moveTo(next.at);
      await next.pass();
    }
    clock.moveTo(until);
    if (this.attempt) this.execution?.reporter?.flush(clock.elapsed());
    await this.#turns();
  }

  #nextWorker(): TestWorker {
    if (this.#worker.isLost || this.#isWorkerLeaving)
      this.#worker = new TestWorker(`worker-${++this.#workers}`, this.around);
    this.#isWorkerLeaving = false;
    return this.#worker;
  }

  #moments(): Moment[] {
    const { log, clock } = this.around;
    const timers = log.timers.map((timer): Moment => {
      const pass = (): Promise<void> => {
        log.fire(timer);
        return this.work();
      };
      return { at: timer.at, pass };
    });
    const alarms = clock.alarms.map((alarm): Moment => {
      const pass = (): Promise<void> => {
        clock.ring(alarm);
        return this.#turns();
      };
      return { at: alarm.at, pass };
    });
    return [...timers, ...alarms, ...this.#limits()];
  }

  #limits(): Moment[] {
    const { attempt } = this;
    const { clock } = this.around;
    if (!attempt || attempt.interruption) return [];
    const { soft_time_limit: soft, time_limit: hard } = attempt.state.spec;
    const begun = clock.now() - clock.elapsed() + attempt.startedAt;
    const pass = (): Promise<void> => {
      enforceTimeLimits(attempt, clock.elapsed(), SILENT);
      return this.#turns();
    };
    const next = attempt.abortedBy === undefined ? Math.min(soft, hard) : hard;
    return [{ at: Math.ceil(begun + next * 1000), pass }];
  }

  /** Lets a handler that runs come as far as it can without waiting for the world outside. */
  async #turns(): Promise<void> {
    const { facts } = this.around.log;
    for (let quiet = 0, seen = facts.length; quiet < QUIET_TURNS; quiet++) {
      await setImmediate();
      if (facts.length === seen) continue;
      [quiet, seen] = [0, facts.length];
    }
  }
}
