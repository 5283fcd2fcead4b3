import type { Ticket } from '@millrace/log';
import type { Repertoire } from './handlers/repertoire.js';
import type { WorkerOptions } from './worker-options.js';

/** A ticket whose handler is not here waits so long before it is offered again. */
const UNHANDLED_RETRY_MS = 5_000;

/** Tickets that this worker cannot run and has given back for a while, for another one to find. */
export class UnhandledTickets {
  readonly #until = new Map<number, number>();

  constructor(
    private readonly options: WorkerOptions,
    private readonly repertoire: Repertoire,
  ) {}

  /** How many lie with the server by our doing. */
  get count(): number {
    const now = performance.now();
    for (const [sequence, until] of this.#until) if (until < now) this.#until.delete(sequence);
    return this.#until.size;
  }

  giveBack(ticket: Ticket, task_name: string): void {
    const { unhandledRetryMs = UNHANDLED_RETRY_MS, logger } = this.options;
    // Of a handler that is here and may not run the start has told already.
    if (!this.repertoire.has(task_name))
      logger.warn(
        { task_id: ticket.task_id, task_name, queue: ticket.queue },
        'No handler here for the task; it is offered again',
      );
    this.#until.set(ticket.sequence, performance.now() + unhandledRetryMs);
    ticket.nak(unhandledRetryMs);
  }
}
