import { hasEnded, statusOf } from '@millrace/domain';
import type { ExistingTask, Fact, Json, Kind, Progress, TaskError, TaskStatus } from '@millrace/domain';
import type { LogLine } from '@millrace/log';
import { TaskCancelledError, TaskPausedError, WorkerStoppingError } from '../errors.js';
import { attemptsOf } from './attempts.js';
import type { AttemptView } from './attempts.js';
import type { CrashPoint } from './crash-plan.js';
import type { RunDriver } from './run-driver.js';
import { millisecondsOf } from './test-clock.js';
import type { Duration } from './test-clock.js';
import type { Surroundings } from './test-worker.js';

/** Where a run stands. `held` waits for a signal, `scheduled` for a time (or a signal with a time limit). */
export type Phase = ExistingTask['phase'];

/** What a test waits for: a phase, the end whichever it is, or whatever it looks for itself. */
export type Goal = Phase | 'ended' | (() => boolean);

/** Time for a handler to react to its signal when its worker stops. */
const LAST_WORDS_MS = 1_000;

const ACTOR = 'api:test';

/** What a run has to show. */
export interface Records {
  progress: readonly Progress[];
  logs: readonly LogLine[];
}

/**
 * One task from its submission on. Workers work only while the test waits, in {@link until}, {@link settled} or {@link advance}: what it
 * does before comes before whatever they do next. Whatever a command is refused for is thrown as a `TaskRefusal`.
 */
export class TestRun {
  constructor(
    private readonly around: Surroundings,
    private readonly driver: RunDriver,
    private readonly records: Records,
  ) {}

  get phase(): Phase {
    return this.#state.phase;
  }

  /** As the API names it. */
  get status(): TaskStatus {
    return statusOf(this.#state);
  }

  /** Undefined until the run has succeeded. */
  get result(): Json | undefined {
    return this.#state.phase === 'succeeded' ? this.#state.result : undefined;
  }

  /** Of a failed run, or of the attempt whose retry is awaited. */
  get error(): TaskError | undefined {
    return 'error' in this.#state ? this.#state.error : undefined;
  }

  /** The facts of the task in the order of the log. */
  get events(): readonly Fact[] {
    return this.around.log.facts;
  }

  get kinds(): Kind[] {
    return this.events.map(({ kind }) => kind);
  }

  /** Names of the recorded steps, in order. */
  get steps(): string[] {
    return this.events.flatMap((fact) => (fact.kind === 'step' ? [fact.data.name] : []));
  }

  get attempts(): AttemptView[] {
    return attemptsOf(this.events);
  }

  /** All that `progress` was called with, in all attempts. */
  get progress(): readonly Progress[] {
    return this.records.progress;
  }

  /** What handlers have logged, as it is kept beside the task. */
  get logs(): readonly LogLine[] {
    return this.records.logs;
  }

  /** By the clock of the run, which starts with that of the machine. Handlers that ask the machine get another answer. */
  get now(): Date {
    return new Date(this.around.clock.now());
  }

  /**
   * Lets the run go on until it gets there.
   *
   * @throws Error when it comes to rest elsewhere: it has ended, or waits for what only the test can bring
   */
  async until(goal: Goal): Promise<void> {
    if (!(await this.driver.until(this.#claimOf(goal))))
      throw new Error(`The run comes to rest before it gets there. ${this.#rest()}`);
  }

  /** Lets the run go on until it has ended or waits. */
  settled(): Promise<void> {
    return this.driver.work();
  }

  /**
   * Lets time pass. Delays, retries, sleeps and waits that are over by then go on one after the other, and the attempts that begin so are
   * waited for. An attempt that runs already comes upon its time limits.
   */
  advance(by: Duration): Promise<void> {
    return this.driver.advance(millisecondsOf(by));
  }

  /**
   * Does something once, at the very moment when something becomes true: looked at after each fact and each report of progress. What it throws
   * at a report is thrown in the handler.
   */
  when(isTrue: () => boolean, act: () => void): void {
    this.driver.when(isTrue, act);
  }

  /** The worker is lost right after its next write of this kind; for a step, of this name. Another one takes over at once. */
  crashAfter(kind: CrashPoint, stepName?: string): void {
    this.around.crashes.add({ when: 'after', kind, name: stepName });
  }

  /** The worker is lost right before its next write of this kind. For a step: its function has run, and nobody knows. */
  crashBefore(kind: CrashPoint, stepName?: string): void {
    this.around.crashes.add({ when: 'before', kind, name: stepName });
  }

  /**
   * The worker is lost now. What its handler awaits outside of Millrace goes on here; a process that dies would take it along.
   *
   * @throws Error when no attempt runs
   */
  crash(): void {
    if (!this.driver.attempt) throw new Error('No attempt runs that could be lost.');
    this.driver.crash();
  }

  /** The worker stops in order: its handler is told by its signal, and has a second before the task goes to another worker. */
  stopWorker(): void {
    this.#tell(new WorkerStoppingError('The worker stops; the task goes on elsewhere.'), LAST_WORDS_MS);
    this.driver.replaceWorker();
  }

  /** Sends a signal, whether anybody waits for it or not. */
  signal(name: string, payload: Json = null): void {
    this.around.log.signal(name, payload, ACTOR);
  }

  cancel(message?: string): void {
    this.around.log.change({ type: 'cancel', ...(message !== undefined && { message }) }, ACTOR);
    this.driver.attempt?.interrupt(new TaskCancelledError('The task was cancelled.'));
  }

  /** A running attempt is told by its signal, and put aside when it ends or its grace is over. */
  pause(reason = 'paused by the test', grace: Duration = { seconds: 30 }): void {
    if (this.#tell(new TaskPausedError(reason), millisecondsOf(grace))) return;
    this.around.log.change({ type: 'pause', reason }, ACTOR);
  }

  resume(): void {
    this.around.log.change({ type: 'resume' }, ACTOR);
  }

  /** Runs a failed task anew: from its checkpoint and steps, or from the start. */
  retry({ fromStart = false }: { fromStart?: boolean } = {}): void {
    this.around.log.change({ type: 'retry', from_start: fromStart }, ACTOR);
  }

  /** Resolves once the last handler has itself returned or thrown, be it long after its attempt was ended. */
  async handlerEnded(): Promise<void> {
    await this.driver.execution?.handlerSettled;
  }

  get #state(): ExistingTask {
    const { state } = this.around.log;
    if (state.phase === 'none') throw new Error('A run begins with its submission.');
    return state;
  }

  #claimOf(goal: Goal): () => boolean {
    if (typeof goal === 'function') return goal;
    if (goal === 'ended') return () => hasEnded(this.#state);
    // What a test does to a running attempt, it does to a handler that has begun.
    if (goal === 'running') return () => this.phase === goal && this.driver.isHandlerRunning;
    return () => this.phase === goal;
  }

  /** Whether there is an attempt to tell. After the grace it is ended. */
  #tell(reason: Error, graceMs: number): boolean {
    const { attempt } = this.driver;
    if (!attempt) return false;
    attempt.abort(reason);
    this.around.clock.setAlarm(graceMs, () => attempt.interrupt(reason));
    return true;
  }

  #rest(): string {
    const state = this.#state;
    if (state.phase === 'scheduled') {
      const orSignal = state.waiting_for === undefined ? '' : ` or for ${state.waiting_for}`;
      return `It waits until ${state.until} (${state.reason})${orSignal}; advance() lets time pass.`;
    }
    if (state.phase === 'held') return `It waits for ${state.waiting_for}.`;
    const why = this.error ? ` by ${this.error.name}: ${this.error.message}` : '';
    return `It is ${state.phase}${why}.`;
  }
}
