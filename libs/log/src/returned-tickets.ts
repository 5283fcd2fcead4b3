import type { Msg } from '@nats-io/transport-node';
import type { Inbox } from './connection.js';
import type { Outbox } from './outbox.js';
import { giveBack } from './ticket.js';

/** A confirmation takes one round trip; later it was lost. */
const LOST_AFTER_MS = 1_000;

/**
 * Tickets that go back to one lane. The server takes them in beside the pulls and not in order with them, so that the lane may look empty in
 * the moment after; it confirms each when that is to be had again.
 */
export class ReturnedTickets {
  #key: string | undefined;
  #unconfirmed = 0;
  #settling: Promise<void> | undefined;
  #settle = (): void => undefined;
  #lost: NodeJS.Timeout | undefined;

  constructor(
    private readonly inbox: Inbox,
    private readonly outbox: Outbox,
  ) {}

  /** Resolves when all that went back is there again; undefined when it is. */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  add(message: Msg): void {
    this.#key ??= this.inbox.open(() => {
      if (--this.#unconfirmed === 0) this.forget();
    });
    this.#unconfirmed++;
    this.#settling ??= new Promise((settle) => (this.#settle = settle));
    this.#lost ??= setTimeout(() => {
      this.forget();
    }, LOST_AFTER_MS).unref();
    giveBack(message, this.outbox, this.inbox.replyTo(this.#key));
  }

  /** Waits for no confirmation any more. */
  forget(): void {
    clearTimeout(this.#lost);
    this.#lost = this.#settling = undefined;
    this.#settle();
    if (this.#key !== undefined) this.inbox.close(this.#key);
    this.#key = undefined;
    this.#unconfirmed = 0;
  }
}
