import { NO_TASK, decide, evolve } from '@millrace/domain';
import type { Command, ExistingTask, Fact, Run, TaskState } from '@millrace/domain';
import { ConcurrencyError, LogUnavailableError, decodeDue, factOf } from '@millrace/log';
import type { Ticket } from '@millrace/log';
import { judge } from './judge.js';
import { Attempt } from './attempt.js';
import type { Holding } from './attempt.js';
import type { ClaimPort } from './log-port.js';
import { machineTime } from './time-and-chance.js';
import type { TimeAndChance } from './time-and-chance.js';

/** What became of a ticket: it runs; its task needs it no more; or its task is somebody else's business for now. */
export type Claim =
  | { outcome: 'running'; attempt: Attempt }
  | { outcome: 'void' }
  | { outcome: 'left' }
  | { outcome: 'too-early' };

/** Within this time of its own (re)connect a worker takes nothing over: after an outage all tickets come back while their owners live. */
export const QUIET_AFTER_CONNECT_MS = 10_000;
const ASK_TIMEOUT_MS = 1_000;
const TAKE_OVER_WITHIN_MS = 2_000;

export interface ClaimerOptions {
  log: ClaimPort;
  /** Id of this process. */
  worker: string;
  actor: string;
  isMine: (token: number) => boolean;
  /** Whether a task needs a slot of the limits of its queue. Defaults to never. */
  isLimited?: (queue: string, key: string | undefined) => boolean;
  /** Defaults to {@link QUIET_AFTER_CONNECT_MS}. */
  quietMs?: number;
  /** Defaults to {@link machineTime}. */
  time?: TimeAndChance;
}

/** The state that a ticket promises: its own ready fact, or the wait that its timer served (then `after` names the wait). */
export interface Promised {
  state: ExistingTask;
  after?: number;
}

/** @throws BadBodyError when the ticket cannot be read */
export function readTicket(ticket: Ticket): Promised {
  if (!ticket.due) {
    const fact = factOf({ ...ticket, kind: ticket.lane }, ticket.sequence, ticket.payload);
    return { state: evolve(NO_TASK, fact) as ExistingTask };
  }
  const { after, wait } = decodeDue(ticket, ticket.sequence, ticket.payload);
  return { state: evolve(NO_TASK, wait) as ExistingTask, after };
}

/** Turns a ticket into an attempt, on the condition that the log agrees. */
export class Claimer {
  readonly #time: TimeAndChance;

  constructor(private readonly options: ClaimerOptions) {
    this.#time = options.time ?? machineTime;
  }

  async claim(holding: Holding, promised: Promised): Promise<Claim> {
    try {
      return await this.#claim(holding, promised);
    } catch (error) {
      // Too late to be sure of what was asked or read: the server offers the ticket again.
      if (error instanceof LogUnavailableError) return { outcome: 'left' };
      throw error;
    }
  }

  async #claim(holding: Holding, promised: Promised): Promise<Claim> {
    const { ticket } = holding;
    let state: TaskState = promised.state;
    const { worker, isLimited } = this.options;
    const plain: Command = {
      type: 'claim',
      worker,
      ticket: ticket.sequence,
      limited: isLimited?.(ticket.queue, promised.state.spec.concurrency_key) ?? false,
    };
    let command: Command = promised.after === undefined ? plain : { ...plain, after: promised.after };
    for (;;) {
      try {
        return await this.#append(holding, state, command);
      } catch (error) {
        if (!(error instanceof ConcurrencyError)) throw error;
        const last = await this.#lastFact(ticket, error.actual);
        if (!last) return { outcome: 'void' };
        const verdict = judge(ticket.sequence, last, this.options.isMine);
        switch (verdict.action) {
          case 'drop':
            return { outcome: 'void' };
          case 'arm-and-drop':
            await this.options.log.arm(verdict.wait);
            return { outcome: 'void' };
          case 'go-on':
            return { outcome: 'left' };
          case 'claim':
            break;
          case 'ask': {
            if (this.options.log.connectedForMs < (this.options.quietMs ?? QUIET_AFTER_CONNECT_MS))
              return { outcome: 'too-early' };
            if (await this.#lives(verdict.run)) return { outcome: 'left' };
            command = {
              type: 'take-over',
              worker,
              ticket: ticket.sequence,
              seen: last.sequence,
            };
            break;
          }
        }
        // The ticket's fact and the last one fold to the same decision as the whole history: see evolve.
        state = evolve(promised.state, last);
        if (verdict.action === 'claim') command = plain;
      }
    }
  }

  async #append(holding: Holding, state: TaskState, command: Command): Promise<Claim> {
    const { log, actor } = this.options;
    const event = decide(command, state, { now: this.#time.now(), random: this.#time.random() });
    if (!event || state.phase === 'none') return { outcome: 'void' };
    // What was found out about another worker holds for a moment only: a take-over may not be sent again after an outage.
    const options = command.type === 'take-over' ? { actor, deadlineMs: TAKE_OVER_WITHIN_MS } : { actor };
    const fact = await log.append(holding.ticket, state.sequence, event, options);
    const next = evolve(state, fact);
    // A task that needs a slot waits for it from here on; an expired one, or one that was lost too often, ends here instead of running.
    if (next.phase !== 'running') return { outcome: 'void' };
    return { outcome: 'running', attempt: new Attempt(holding, next, log, actor, this.#time) };
  }

  /** The fact that the refusal named; if that is no fact of the log any more, whatever is the task's last one. */
  async #lastFact(ticket: Ticket, sequence: number): Promise<Fact | undefined> {
    const named = sequence > 0 ? await this.options.log.read.factAt(sequence) : undefined;
    return named ?? (await this.options.log.read.lastFact(ticket));
  }

  /** No answer twice, with time for a reconnect in between: the worker is dead. "No": it lives, and the attempt does not. */
  async #lives(run: Run): Promise<boolean> {
    if (run.worker === this.options.worker) return true;
    const { log } = this.options;
    const first = await log.askRuns(run.worker, run, ASK_TIMEOUT_MS);
    if (first !== undefined) return first;
    await this.#time.sleep(ASK_TIMEOUT_MS);
    return (await log.askRuns(run.worker, run, ASK_TIMEOUT_MS)) ?? false;
  }
}
