import { signalWait } from '@millrace/domain';
import type { Command, Fact, Json, Progress, StepRecord } from '@millrace/domain';
import { ConcurrencyError } from '@millrace/log';
import { SignalTimeoutError, TaskSuspendedError, UnrecoverableError } from '../errors.js';
import type { Attempt } from './attempt.js';
import type { LogPort } from './log-port.js';
import type {
  AttemptPort,
  BegunStep,
  CheckpointOptions,
  SignalOptions,
  SleepOptions,
} from './attempt-port.js';
import { Journal } from './journal.js';
import type { Begun } from './journal.js';
import type { ProgressReporter } from './progress-reporter.js';
import type { TempDirs } from './temp-dirs.js';

/** A shorter sleep keeps its slot: to give it back and start again would take as long. */
const IN_PLACE_MS = 1_000;
/** Names of kept steps in one checkpoint, as JSON. */
const NAMES_BYTES = 128 * 1024;
const STATE_BYTES = 512 * 1024;

/** What an attempt needs beside itself to record what its handler does. */
export interface RunParts {
  log: LogPort;
  tempDirs: TempDirs;
  /** What earlier attempts have recorded; undefined when there is nothing. */
  journal: Journal | undefined;
  reporter: () => ProgressReporter;
  /** The log has refused a write: settles what that means for the attempt, and interrupts it. */
  onRefused: (error: ConcurrencyError) => Promise<void>;
}

/** The port of an attempt to the log: every wish of its handler is a fact, or was one in an earlier attempt. */
export class AttemptRun implements AttemptPort {
  /** Steps whose function runs now. */
  readonly #open = new Map<string, Begun>();
  readonly #whenAllClosed: (() => void)[] = [];
  #own: Journal | undefined;

  constructor(
    private readonly attempt: Attempt,
    private readonly parts: RunParts,
  ) {}

  /** Most handlers record nothing. */
  get #journal(): Journal {
    return (this.#own ??= this.parts.journal ?? new Journal(undefined, []));
  }

  progress(progress: Progress): void {
    this.parts.reporter().report(progress);
  }

  tempDir(): Promise<string> {
    return this.parts.tempDirs.of(this.attempt.state.id);
  }

  async checkpoint(state: Json, { forgetSteps = false }: CheckpointOptions): Promise<void> {
    const journal = this.#journal;
    if (this.#open.size > 0)
      throw new UnrecoverableError(
        `A checkpoint cannot be saved while the step "${[...this.#open.keys()][0]}" runs: wait for its end first.`,
      );
    refuseLong('state of a checkpoint', state, STATE_BYTES, 'Store it elsewhere and save where it is.');
    const steps = forgetSteps ? {} : journal.named;
    refuseLong('list of steps that a checkpoint keeps', steps, NAMES_BYTES, 'Use { forgetSteps: true }.');
    const { signals } = journal;
    await this.#record({ type: 'save-checkpoint', token: this.attempt.token, state, steps, signals });
    journal.checkpointed(steps);
  }

  async beginStep(scope: string, name: string): Promise<BegunStep> {
    if (this.attempt.interruption) throw this.attempt.interruption;
    const begun = this.#journal.begin(scope, name, 'step');
    const { key, keptAt } = begun;
    if (!begun.recorded && keptAt === undefined) {
      // In the same turn as the look at the journal: a checkpoint must see that the step runs.
      this.#open.set(key, begun);
      return { key, isRecorded: false };
    }
    const record = begun.recorded ?? (await this.#kept(begun));
    return { key, isRecorded: true, result: record?.result ?? null };
  }

  async endStep(key: string, result: Json, durationMs: number): Promise<void> {
    const begun = this.#open.get(key);
    if (!begun) throw new Error(`The step "${key}" was not begun.`);
    try {
      refuseLong(
        `result of the step "${key}"`,
        result,
        STATE_BYTES,
        'Store it elsewhere and return where it is.',
      );
      await this.#recordStep(begun, { result, duration_ms: durationMs });
    } finally {
      this.#close(key);
    }
  }

  failStep(key: string): Promise<void> {
    this.#journal.failed(key);
    this.#close(key);
    return Promise.resolve();
  }

  async sleep(seconds: number, { key }: SleepOptions): Promise<void> {
    const journal = this.#journal;
    const begun = journal.begin('', key ?? journal.nameFor('sleep'), 'sleep');
    const known = begun.recorded ?? (await this.#kept(begun));
    const until = known?.until ?? this.#inSeconds(seconds);
    if (!known) await this.#recordStep(begun, { until });
    const leftMs = Date.parse(until) - this.attempt.time.now();
    if (leftMs > IN_PLACE_MS) await this.#suspend({ until });
    if (leftMs > 0) await this.attempt.time.sleep(leftMs, this.attempt.signal);
  }

  async waitForSignal(name: string, options: SignalOptions): Promise<Json> {
    const journal = this.#journal;
    const { timeoutSeconds, key } = options;
    const begun = journal.begin('', key ?? journal.nameFor(`signal:${name}`), 'signal');
    const known = begun.recorded ?? (await this.#kept(begun));
    if (known?.result !== undefined) return outcomeOf(name, known);
    const until =
      known?.until ?? (timeoutSeconds === undefined ? undefined : this.#inSeconds(timeoutSeconds));
    const deadline = until === undefined ? {} : { until };
    const signal = await this.#nextSignal(name);
    if (signal) {
      const { sequence, payload } = signal;
      await this.#recordStep(begun, { ...deadline, signal_name: name, signal: sequence, result: payload });
      return payload;
    }
    if (until !== undefined && Date.parse(until) <= this.attempt.time.now())
      return outcomeOf(name, await this.#recordStep(begun, { until, signal_name: name, result: null }));
    if (until !== undefined && !known) await this.#recordStep(begun, { until, signal_name: name });
    return this.#suspend({ ...deadline, waiting_for: signalWait(name) });
  }

  /** The oldest signal of the name that the run has not taken. */
  async #nextSignal(name: string): Promise<{ sequence: number; payload: Json } | undefined> {
    const { log } = this.parts;
    const { queue, id } = this.attempt.state;
    const signals = await log.read.signals({ queue, task_id: id }, this.#journal.lastSignal(name));
    return signals.find((signal) => signal.name === name);
  }

  /** Ends the attempt by a wait, once the steps beside it have ended: what they did is recorded then. */
  async #suspend(wait: { until?: string; waiting_for?: string }): Promise<never> {
    while (this.#open.size > 0) await new Promise<void>((closed) => this.#whenAllClosed.push(closed));
    const { attempt } = this;
    const command: Command = {
      type: 'suspend',
      token: attempt.token,
      duration_ms: attempt.durationMs,
      ...wait,
    };
    const fact = await this.#record(command);
    const suspended = new TaskSuspendedError('The run goes on when what it waits for is there.');
    // Before the ticket goes: whoever finds the wait later must find all that came before it looked.
    if (fact && wait.waiting_for !== undefined) await this.parts.log.releaseIfSignalled(fact, attempt.token);
    attempt.interrupt(suspended);
    throw suspended;
  }

  async #kept({ keptAt }: Begun): Promise<StepRecord | undefined> {
    if (keptAt === undefined) return undefined;
    const fact = await this.parts.log.read.recordAt(keptAt);
    if (fact?.kind === 'step') return fact.data;
    throw new UnrecoverableError(
      `The step at ${keptAt} is no longer in the log; retry the task from the start.`,
    );
  }

  async #recordStep(begun: Begun, outcome: Partial<StepRecord>): Promise<StepRecord> {
    const { key: name, type, order } = begun;
    const { before } = this.#journal;
    const step = { name, type, order, ...outcome, ...(before.length > 0 && { before }) };
    const fact = await this.#record({ type: 'record-step', token: this.attempt.token, step });
    if (fact) this.#journal.recorded(fact.sequence, step);
    return step;
  }

  /** @throws what interrupted the attempt, or ConcurrencyError when this is how it learns that it has no say any more */
  async #record(command: Command): Promise<Fact | undefined> {
    const { attempt } = this;
    if (attempt.interruption) throw attempt.interruption;
    try {
      return (await attempt.record(command))?.fact;
    } catch (error) {
      if (!(error instanceof ConcurrencyError)) throw error;
      await this.parts.onRefused(error);
      throw error;
    }
  }

  #inSeconds(seconds: number): string {
    return new Date(this.attempt.time.now() + seconds * 1000).toISOString();
  }

  #close(key: string): void {
    this.#open.delete(key);
    if (this.#open.size > 0) return;
    for (const closed of this.#whenAllClosed.splice(0)) closed();
  }
}

function outcomeOf(name: string, { signal, result }: StepRecord): Json {
  if (signal !== undefined) return result ?? null;
  throw new SignalTimeoutError(`The signal "${name}" did not come in time.`);
}

function refuseLong(what: string, value: Json, atMost: number, instead: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes > atMost)
    throw new UnrecoverableError(
      `The ${what} has ${bytes} bytes as JSON; at most ${atMost} are kept. ${instead}`,
    );
}
