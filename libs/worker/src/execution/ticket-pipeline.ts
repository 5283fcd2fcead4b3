import { BadBodyError } from '@millrace/log';
import type { Ticket } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import type { AttemptLog } from '../attempt-log.js';
import type { Handler } from '../handlers/handler.js';
import type { Repertoire } from '../handlers/repertoire.js';
import { lapse } from '../lapse.js';
import type { UnhandledTickets } from '../unhandled-tickets.js';
import type { Attempt, Holding } from './attempt.js';
import { readTicket } from './claimer.js';
import type { Claimer, Promised } from './claimer.js';
import type { Execution, Executor } from './executor.js';
import type { RunningAttempts } from './running-attempts.js';
import type { Slots, TicketHandling } from './slots.js';

/** Tickets that came too early for a takeover and are looked at again; more are left to the server. */
const DEFERRED_AT_MOST = 10_000;
/** A handler whose attempt was interrupted keeps its slot so long at most: it may ignore its signal. */
const ABANDON_AFTER_MS = 10_000;

export interface PipelineParts {
  claimer: Claimer;
  executor: Executor;
  running: RunningAttempts;
  repertoire: Repertoire;
  unhandled: UnhandledTickets;
  attempts: AttemptLog;
  isStopping: () => boolean;
  logger: Logger;
}

/** The way of a ticket through a worker: read → find its handler → claim → run. */
export class TicketPipeline implements TicketHandling {
  #deferred: Ticket[] = [];

  constructor(private readonly parts: PipelineParts) {}

  async handle(holding: Holding, slots: Slots): Promise<void> {
    const { ticket } = holding;
    const { repertoire, unhandled, running, claimer } = this.parts;
    const promise = this.#read(ticket);
    if (!promise) {
      ticket.ack();
      return;
    }
    const { name } = promise.state.spec;
    const handler = repertoire.find(name);
    if (!handler) {
      unhandled.giveBack(ticket, name);
      return;
    }
    running.claiming(ticket.sequence);
    const claim = await claimer.claim(holding, promise).finally(() => running.claimed(ticket.sequence));
    switch (claim.outcome) {
      case 'void':
        holding.ticket.ack();
        return;
      case 'left':
        return;
      case 'too-early':
        if (this.#deferred.length < DEFERRED_AT_MOST) this.#deferred.push(holding.ticket);
        return;
      case 'running':
        await this.#run(claim.attempt, handler, slots);
    }
  }

  /** Whether there are tickets that came too early for a takeover. */
  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** Those tickets, once. */
  takeDeferred(): Ticket[] {
    const deferred = this.#deferred;
    this.#deferred = [];
    return deferred;
  }

  /** Undefined when the ticket is unreadable: no worker could ever run it. */
  #read(ticket: Ticket): Promised | undefined {
    try {
      return readTicket(ticket);
    } catch (error) {
      if (!(error instanceof BadBodyError)) throw error;
      this.parts.logger.error({ err: error, sequence: ticket.sequence }, 'Ticket dropped');
      return undefined;
    }
  }

  async #run(attempt: Attempt, handler: Handler, slots: Slots): Promise<void> {
    const { executor, running, attempts, isStopping } = this.parts;
    running.began(attempt);
    attempts.started(attempt);
    let execution: Execution | undefined;
    try {
      await executor.execute(attempt, handler, (started) => {
        execution = started;
        running.started(started);
      });
    } finally {
      running.ended(attempt);
      // The ticket is settled; no heartbeat may touch it while a deaf handler runs on.
      slots.letGo(attempt.holding);
    }
    if (attempt.interruption && execution && !isStopping())
      await Promise.race([execution.handlerSettled, lapse(ABANDON_AFTER_MS)]);
  }
}
