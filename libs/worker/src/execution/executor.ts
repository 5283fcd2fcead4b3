import { ConcurrencyError, LogRefusedError } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import type { AttemptLog } from '../attempt-log.js';
import {
  AttemptOvertakenError,
  TaskCancelledError,
  TaskPausedError,
  UnrecoverableError,
  WorkerStoppingError,
} from '../errors.js';
import { isIsolated, parametersFor } from '../handlers/handler.js';
import type { Handler } from '../handlers/handler.js';
import { runIsolated } from '../isolation/isolated-handler.js';
import type { PoolOnDemand } from '../isolation/pool-on-demand.js';
import { taskLogger } from '../logs.js';
import type { LineSink } from '../logs.js';
import type { Attempt } from './attempt.js';
import { AttemptContext } from './attempt-context.js';
import type { LogPort } from './log-port.js';
import { AttemptRun } from './attempt-run.js';
import { readJournal } from './journal.js';
import { judge } from './judge.js';
import { legible } from './legible.js';
import { commandFor, isError, settlementOf } from './outcome.js';
import type { Outcome } from './outcome.js';
import { ProgressReporter } from './progress-reporter.js';
import { resultOf } from './result.js';
import type { TempDirs } from './temp-dirs.js';

/** How an execution is watched from outside. */
export interface Execution {
  readonly attempt: Attempt;
  /** Its handler runs in a process of its own. */
  readonly isIsolated: boolean;
  reporter: ProgressReporter | undefined;
  /** Resolves once the handler itself has returned or thrown, be it long after its attempt was interrupted. */
  handlerSettled: Promise<unknown>;
}

/** Runs the handler of a claimed task and records how it ended: run → record → acknowledge. */
export class Executor {
  constructor(
    private readonly log: LogPort,
    private readonly logger: Logger,
    private readonly attempts: AttemptLog,
    private readonly lines: LineSink,
    /** Undefined where the program of the worker cannot be started again. */
    private readonly processes: PoolOnDemand | undefined,
    private readonly tempDirs: TempDirs,
  ) {}

  /** @param onStart told once the handler runs */
  async execute(attempt: Attempt, handler: Handler, onStart: (execution: Execution) => void): Promise<void> {
    const recorded = await this.#record(attempt, await this.#run(attempt, handler, onStart), handler);
    if (recorded) this.#acknowledge(attempt, recorded);
    await this.#tidyUp(attempt, recorded);
  }

  /** Whether the log still has the attempt as the one that runs its task; stops it if not. */
  async holds(attempt: Attempt): Promise<boolean> {
    const last = await this.log.read.lastFact(attempt.holding.ticket);
    const { sequence } = attempt.state;
    // One fact ahead is a write of its own whose answer is on its way.
    const isOwn =
      last && (last.sequence <= sequence || (last.prev === sequence && last.actor === attempt.actor));
    if (!isOwn && last && !attempt.interruption)
      await this.#refused(attempt, new ConcurrencyError(sequence, last.sequence));
    return isOwn ?? true;
  }

  async #run(attempt: Attempt, handler: Handler, onStart: (execution: Execution) => void): Promise<Outcome> {
    const execution: Execution = {
      attempt,
      isIsolated: this.processes !== undefined && (isIsolated(handler) || attempt.isLastChance),
      reporter: undefined,
      handlerSettled: Promise.resolve(),
    };
    const handled = this.#handle(attempt, handler, execution);
    execution.handlerSettled = handled;
    onStart(execution);
    const interrupted = attempt.interrupted.then((by): Outcome => ({ type: 'interrupted', by }));
    return Promise.race([handled, interrupted]);
  }

  async #handle(attempt: Attempt, handler: Handler, execution: Execution): Promise<Outcome> {
    try {
      const parameters = await this.log.read.parametersOf(attempt.state);
      const reporter = (): ProgressReporter =>
        (execution.reporter ??= new ProgressReporter(attempt, this.log, (error) => {
          if (error instanceof ConcurrencyError) void this.#refused(attempt, error);
        }));
      const { run } = attempt.state;
      const isResumed = run.checkpoint !== undefined || run.step !== undefined;
      const journal = isResumed ? await readJournal(this.log.read, run) : undefined;
      const onRefused = (error: ConcurrencyError): Promise<void> => this.#refused(attempt, error);
      const port = new AttemptRun(attempt, {
        log: this.log,
        tempDirs: this.tempDirs,
        journal,
        reporter,
        onRefused,
      });
      const facts = attempt.facts(journal?.resumedFrom);
      const loggerOf = (): Logger => taskLogger(this.logger, facts, this.lines);
      if (this.processes && execution.isIsolated) {
        const given = { facts, parameters, port, loggerOf };
        const result = await runIsolated(this.processes.pool, attempt, handler, given);
        return { type: 'completed', result: resultOf(result) };
      }
      const params = parametersFor(handler, parameters);
      const context = new AttemptContext(facts, params, port, () => attempt.signal, loggerOf);
      return { type: 'completed', result: resultOf(await handler.invoke(context)) };
    } catch (thrown) {
      const error = legible(thrown);
      // A handler that stops because its signal says so has not failed.
      const by = attempt.interruption ?? attempt.abortedBy;
      if (attempt.interruption || by instanceof WorkerStoppingError || by instanceof TaskPausedError)
        return { type: 'interrupted', by: by as Error };
      return { type: 'failed', error: isAbortError(error) && by !== undefined ? by : error };
    }
  }

  /** The outcome that stands in the log. Undefined when the attempt has lost its say: its ticket is somebody else's business. */
  async #record(attempt: Attempt, outcome: Outcome, handler: Handler): Promise<Outcome | undefined> {
    const command = commandFor(outcome, attempt, handler.options);
    try {
      const written = command && (await attempt.record(command));
      this.attempts.ended(attempt, outcome, written?.fact);
      return outcome;
    } catch (error) {
      if (error instanceof ConcurrencyError) {
        await this.#refused(attempt, error);
        if (attempt.interruption)
          this.attempts.ended(attempt, { type: 'interrupted', by: attempt.interruption }, undefined);
        return undefined;
      }
      if (!(error instanceof LogRefusedError) || outcome.type !== 'completed') throw error;
      const refused = new UnrecoverableError(`The log refused the result: ${error.message}`);
      return this.#record(attempt, { type: 'failed', error: refused }, handler);
    }
  }

  /** What a task has left behind that may run again is found by its next attempt, or goes when the task is cleaned up. */
  async #tidyUp({ state }: Attempt, recorded: Outcome | undefined): Promise<void> {
    if (recorded?.type !== 'completed') {
      this.tempDirs.forget(state.id);
      return;
    }
    try {
      await this.tempDirs.remove(state.id, state.run.attempt > 1);
    } catch (error) {
      this.logger.warn({ err: error, task_id: state.id }, 'Temporary files of a task could not be removed');
    }
  }

  /** The fact is in the log before the ticket goes: a crash in between brings the ticket back, and the claim is refused. */
  #acknowledge(attempt: Attempt, outcome: Outcome): void {
    const { ticket } = attempt.holding;
    const settlement = settlementOf(outcome);
    if (settlement === 'ack') ticket.ack();
    if (settlement === 'nak') ticket.nak();
  }

  /**
   * Somebody else has moved the task. The ticket is acknowledged only if it is void for good; a successor's attempt may live on it, and
   * acknowledgements go by sequence, not by delivery.
   */
  async #refused(attempt: Attempt, conflict: ConcurrencyError): Promise<void> {
    const { ticket } = attempt.holding;
    const last = (await this.log.read.factAt(conflict.actual)) ?? (await this.log.read.lastFact(ticket));
    const cancelled = last?.kind === 'cancelled';
    this.logger.warn(
      {
        task_id: attempt.state.id,
        attempt: attempt.state.run.attempt,
        by: last?.kind,
        sequence: last?.sequence,
      },
      'Attempt overtaken',
    );
    attempt.interrupt(
      cancelled
        ? new TaskCancelledError('The task was cancelled.')
        : new AttemptOvertakenError('Another attempt holds the task.'),
    );
    const verdict = last && judge(ticket.sequence, last, () => false);
    if (verdict?.action === 'drop' || verdict?.action === 'arm-and-drop') ticket.ack();
  }
}

/** What timers, fetch and streams reject with when a signal aborts: the reason says more than the rejection. */
const isAbortError = (error: unknown): boolean => isError(error) && error.name === 'AbortError';
