import { setImmediate } from 'node:timers/promises';
import type { Fact, TaskEvent } from '@millrace/domain';
import type { LogLine, Ticket, WriteOptions } from '@millrace/log';
import { DEFAULT_TEMP_DIR, lineLogger } from '@millrace/runtime';
import { AttemptLog } from '../attempt-log.js';
import type { Attempt } from '../execution/attempt.js';
import { Claimer, readTicket } from '../execution/claimer.js';
import { Executor } from '../execution/executor.js';
import type { Execution } from '../execution/executor.js';
import { TempDirs } from '../execution/temp-dirs.js';
import type { ClaimPort } from '../execution/log-port.js';
import type { Handler } from '../handlers/handler.js';
import { LineSink } from '../logs.js';
import type { CrashPlan } from './crash-plan.js';
import type { MemoryLog } from './memory-log.js';
import type { TestClock } from './test-clock.js';

/** Takes all levels, so that handlers' lines of all levels are kept, and writes nothing. */
export const SILENT = lineLogger('trace', () => undefined);

const TEMP_DIRS = new TempDirs(DEFAULT_TEMP_DIR);

/** What the workers of a run share. */
export interface Surroundings {
  log: MemoryLog;
  clock: TestClock;
  crashes: CrashPlan;
  handler: Handler;
  /** The lines that handlers have logged. */
  logs: LogLine[];
}

/**
 * A worker process that takes one ticket at a time, by the code that real workers claim and execute with. It may be lost: then the log
 * hears no more of it, and its handler gets no more answers.
 */
export class TestWorker {
  /** The attempt in hand, or the last one. */
  execution: Execution | undefined;
  readonly #claimer: Claimer;
  readonly #executor: Executor;
  readonly #lost: Promise<void>;
  #isLost = false;
  #lose!: () => void;
  #inHand = false;

  constructor(
    id: string,
    private readonly around: Surroundings,
  ) {
    this.#lost = new Promise((resolve) => (this.#lose = resolve));
    const log = this.#line();
    this.#claimer = new Claimer({
      log,
      worker: id,
      actor: `worker:${id}`,
      isMine: (token) => this.attempt?.token === token,
      time: around.clock,
    });
    const lines = new LineSink({ writeLine: (_ref, line) => around.logs.push(line) }, id);
    // Without a pool of processes: what asks for one of its own runs here like all others.
    this.#executor = new Executor(log, SILENT, new AttemptLog(SILENT), lines, undefined, TEMP_DIRS);
  }

  /** The attempt that runs now. */
  get attempt(): Attempt | undefined {
    return this.#inHand && !this.#isLost ? this.execution?.attempt : undefined;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  async handle(ticket: Ticket): Promise<void> {
    await Promise.race([this.#handle(ticket), this.#lost]);
    this.#inHand = false;
    if (this.#isLost) this.around.log.giveBack(ticket);
  }

  lose(): void {
    this.#isLost = true;
    this.#lose();
  }

  async #handle(ticket: Ticket): Promise<void> {
    const claim = await this.#claimer.claim({ ticket }, readTicket(ticket));
    if (claim.outcome !== 'running') return;
    await this.#executor.execute(claim.attempt, this.around.handler, (execution) => {
      this.execution = execution;
      this.#inHand = true;
    });
  }

  /** The log as this worker reaches it. */
  #line(): ClaimPort {
    const { log } = this.around;
    return {
      connectedForMs: Infinity,
      append: (_ref, expected, event, options) => this.#reach(() => this.#append(expected, event, options)),
      // It was armed with its wait.
      arm: () => this.#reach(() => undefined),
      // One works at a time: any other is lost.
      askRuns: () => this.#reach(() => false),
      releaseIfSignalled: (wait, since) => this.#reach(() => log.releaseIfSignalled(wait, since)),
      reportProgress: () => undefined,
      read: {
        factAt: (sequence) => this.#reach(() => log.factAt(sequence)),
        recordAt: (sequence) => this.#reach(() => log.factAt(sequence)),
        lastFact: () => this.#reach(() => log.facts.at(-1)),
        parametersOf: (state) => this.#reach(() => log.parametersOf(state)),
        signals: (_ref, after) => this.#reach(() => log.signalsAfter(after)),
      },
    };
  }

  #append(expected: number, event: TaskEvent, options: WriteOptions): Fact | undefined {
    const { log, crashes } = this.around;
    if (crashes.strikes('before', event)) {
      this.lose();
      return undefined;
    }
    const fact = log.append(expected, event, options);
    if (crashes.strikes('after', event)) this.lose();
    return fact;
  }

  /** A broker is never so near that nothing else happens meanwhile; and it never answers the dead. */
  async #reach<T>(act: () => T | undefined): Promise<T> {
    await setImmediate();
    const answer = this.#isLost ? undefined : act();
    return this.#isLost ? new Promise<never>(() => undefined) : (answer as T);
  }
}
