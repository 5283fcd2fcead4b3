import { laneRank } from '@millrace/domain';
import type { Ticket } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import type { Holding } from './attempt.js';

/** Does all that a ticket asks for; its slot is taken until then. */
export interface TicketHandling {
  handle: (holding: Holding, slots: Slots) => Promise<void>;
}

export interface SlotsOptions {
  /** Tickets handled at once. */
  count: number;
  /** Tickets held beyond these. */
  prefetch: number;
  tickets: TicketHandling;
  /** From then on no ticket is asked for, and none that was held is begun. */
  isStopping: () => boolean;
  /** Called when a slot may have become free. */
  onFree: () => void;
  logger: Logger;
}

/** Slots that are all taken for so long run long tasks: a ticket that is held for them is better off with another worker. */
const HELD_AT_MOST_MS = 250;

/** The places of a worker for tickets: each is handled in a slot, and held until one is free. */
export class Slots {
  readonly #holdings = new Map<number, Holding>();
  readonly #buffer: Holding[] = [];
  readonly #inHand = new Set<Promise<void>>();
  #taken = 0;
  /** Runs while tickets are held. */
  #patience: NodeJS.Timeout | undefined;
  /** The held tickets went back; no more are asked for until a slot becomes free. */
  #isBusy = false;

  constructor(private readonly options: SlotsOptions) {}

  /** Tickets that may come now. */
  get free(): number {
    const { isStopping, count, prefetch } = this.options;
    if (isStopping()) return 0;
    return count + (this.#isBusy ? 0 : prefetch) - this.#taken - this.#buffer.length;
  }

  /** Whether no slot is taken. */
  get isIdle(): boolean {
    return this.#inHand.size === 0;
  }

  /** The tickets whose lease is to be kept, by their sequence. */
  get holdings(): ReadonlyMap<number, Holding> {
    return this.#holdings;
  }

  receive(ticket: Ticket): void {
    const known = this.#holdings.get(ticket.sequence);
    if (known) {
      // Delivered again while it is in hand: the newer handle is the one to acknowledge.
      known.ticket = ticket;
      return;
    }
    const holding: Holding = { ticket };
    this.#holdings.set(ticket.sequence, holding);
    if (this.#taken < this.options.count) this.#take(holding);
    else {
      this.#buffer.push(holding);
      this.#patience ??= this.#newPatience();
    }
  }

  /** Receives a ticket once more if a slot is free; leaves it to the server otherwise. */
  receiveAgain(ticket: Ticket): void {
    if (!this.options.isStopping() && this.#taken < this.options.count) this.receive(ticket);
  }

  /** The ticket is settled: its lease is kept no longer, though its slot may be taken on. */
  letGo(holding: Holding): void {
    const { sequence } = holding.ticket;
    // The ticket may have come back meanwhile, for an attempt whose lease is to be kept.
    if (this.#holdings.get(sequence) === holding) this.#holdings.delete(sequence);
  }

  /** Gives back what has not begun. */
  giveBack(): void {
    this.#resetPatience();
    for (const holding of this.#buffer.splice(0)) {
      this.letGo(holding);
      holding.ticket.nak();
    }
  }

  /** Resolves once no slot is taken. */
  async idle(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.allSettled(this.#inHand);
  }

  #take(holding: Holding): void {
    const { tickets, isStopping, onFree, logger } = this.options;
    this.#taken++;
    const done = tickets
      .handle(holding, this)
      .catch((error: unknown) => {
        logger.error(
          { err: error, task_id: holding.ticket.task_id, sequence: holding.ticket.sequence },
          'A ticket could not be handled',
        );
      })
      .finally(() => {
        this.#inHand.delete(done);
        this.letGo(holding);
        this.#taken--;
        this.#isBusy = false;
        this.#resetPatience();
        const next = isStopping() ? undefined : this.#mostUrgent();
        if (next) this.#take(next);
        if (this.#buffer.length > 0) this.#patience = this.#newPatience();
        onFree();
      });
    this.#inHand.add(done);
  }

  /** Of the first lane in the order of service; in a lane the one that came first. */
  #mostUrgent(): Holding | undefined {
    const rankOf = ({ ticket }: Holding): number => laneRank(ticket.lane);
    const least = Math.min(...this.#buffer.map(rankOf));
    const at = this.#buffer.findIndex((holding) => rankOf(holding) === least);
    return at < 0 ? undefined : this.#buffer.splice(at, 1)[0];
  }

  #newPatience(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#isBusy = true;
      this.giveBack();
      this.options.onFree();
    }, HELD_AT_MOST_MS).unref();
  }

  #resetPatience(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }
}
