import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { listen } from './connection.js';
import type { Inbox } from './connection.js';
import type { Outbox } from './outbox.js';
import { ReturnedTickets } from './returned-tickets.js';
import { terminate, ticketOf } from './ticket.js';
import type { Ticket } from './ticket.js';
import { laneConsumer, streams } from './topology.js';

/** What a question found: the lane is empty now, or may have more; `gone` if all pulls were taken back meanwhile. */
export type Answer = 'dry' | 'more' | 'gone';

/** A lane of a queue, and what is open there. */
export interface PulledLane {
  readonly index: number;
  readonly queue: string;
  readonly lane: Lane;
  pull: Pull | undefined;
  /** What went back there. */
  readonly returned: ReturnedTickets;
}

/** An open pull; without `answer` it is parked. */
interface Pull {
  id: string;
  left: number;
  lostAt: number;
  answer: ((answer: Answer) => void) | undefined;
}

/** A ticket as it came. */
export interface Delivery {
  ticket: Ticket;
  message: Msg;
  lane: PulledLane;
  /** A parked pull has brought it. Else it was asked for, or its pull had been taken back. */
  isParked: boolean;
}

/** Where a lane cannot be pulled from. */
export interface LaneTrouble {
  queue: string;
  lane: Lane;
  code: number;
  description: string;
}

export interface LanePullsEvents {
  onDelivery: (delivery: Delivery) => void;
  /** A parked pull is used up: the lane may have more. */
  onUsedUp: () => void;
  /** The server has ended a parked pull: the lane is empty. */
  onDry: (lane: PulledLane) => void;
  onTrouble: (trouble: LaneTrouble) => void;
}

/** All pulls that share an inbox, until they are taken back together. */
interface Inlet {
  prefix: string;
  subscription: Subscription;
}

/** A parked pull waits so long at the server. */
const PARKED_MS = 30_000;
/** The server ends a pull before it sends more: it would cut off a client that has 64 MiB to take in. */
const PULL_BYTES = 8 * 1024 * 1024;
/** So many tickets fit, however long they are: the limit would cost a message to each pull. */
const LONGEST_THAT_FIT = 7;
/** An answer to a question takes one round trip; later it was lost. */
const ASK_LOST_MS = 1_000;
/** A parked pull that the server has forgotten is missed so much later than it would have ended. */
const PARKED_LOST_MS = PARKED_MS + 500;
const TROUBLE_RETRY_MS = 500;

/** The pulls of a worker at the lanes of its queues, one at a time for each; who is asked when is not its business. */
export class LanePulls {
  /** In the order of the lanes, and for each lane that of the queues. */
  readonly lanes: readonly PulledLane[];
  readonly #laneOf: ReadonlyMap<string, PulledLane>;
  #inlet: Inlet | undefined;
  #nextPull = 0;

  constructor(
    private readonly connection: NatsConnection,
    private readonly outbox: Outbox,
    inbox: Inbox,
    queues: readonly string[],
    private readonly events: LanePullsEvents,
  ) {
    const places = LANES.flatMap((lane) => queues.map((queue) => ({ queue, lane })));
    this.lanes = places.map((place, index) => ({
      ...place,
      index,
      pull: undefined,
      returned: new ReturnedTickets(inbox, outbox),
    }));
    this.#laneOf = new Map(this.lanes.map((lane) => [placeOf(lane), lane]));
  }

  /** Resolves when the tickets that are there, at most `batch`, have come. */
  ask(lane: PulledLane, batch: number): Promise<Answer> {
    return new Promise((answer) => {
      this.#request(lane, batch, '"no_wait":true', ASK_LOST_MS, answer);
    });
  }

  /** Brings the next tickets when they come. */
  park(lane: PulledLane, batch: number): void {
    this.#request(lane, batch, `"expires":${PARKED_MS}000000`, PARKED_LOST_MS);
  }

  /** Takes all back. The old inbox is read to the end of what the server has sent: a ticket that nobody reads would wait out its lease. */
  async withdraw(): Promise<void> {
    const inlet = this.#inlet;
    this.#inlet = undefined;
    for (const lane of this.lanes) this.#endPull(lane, 'gone');
    // A pull that came after its inbox has gone would be answered to nobody.
    this.outbox.flush();
    // It fails only when the connection is gone, and with it all that was sent.
    await inlet?.subscription.drain().catch(() => undefined);
  }

  /** Waits for no confirmation any more that something went back. */
  forgetReturned(): void {
    for (const { returned } of this.lanes) returned.forget();
  }

  /** Ends the pulls of which the server should have said something by now. */
  dropLost(): void {
    const now = performance.now();
    for (const lane of this.lanes) if (lane.pull && now >= lane.pull.lostAt) this.#endPull(lane, 'dry');
  }

  #request(
    lane: PulledLane,
    batch: number,
    manner: string,
    lostAfterMs: number,
    answer?: Pull['answer'],
  ): void {
    const id = `${lane.index}-${this.#nextPull++}`;
    lane.pull = { id, left: batch, lostAt: performance.now() + lostAfterMs, answer };
    try {
      this.#inlet ??= this.#openInlet();
      this.outbox.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${streams.tasks.name}.${laneConsumer(lane.queue, lane.lane)}`,
        this.#inlet.prefix + id,
        '',
        `{"batch":${batch},${batch > LONGEST_THAT_FIT ? `"max_bytes":${PULL_BYTES},` : ''}${manner}}`,
      );
    } catch {
      // The connection is closed: nothing will come any more.
      this.#endPull(lane, 'gone');
    }
  }

  #openInlet(): Inlet {
    const prefix = `_INBOX.${crypto.randomUUID().replaceAll('-', '')}.`;
    const subscription = listen(this.connection, `${prefix}*`, (message) => {
      // Only a delivery can be answered. The headers of the others are their status; those of a fact need no parsing.
      if (message.reply) this.#ticketReceived(inlet, message);
      else this.#statusReceived(inlet, message);
    });
    const inlet = { prefix, subscription };
    return inlet;
  }

  #endPull(lane: PulledLane, answer: Answer): void {
    const pull = lane.pull;
    lane.pull = undefined;
    pull?.answer?.(answer);
  }

  #ticketReceived(inlet: Inlet, message: Msg): void {
    const ticket = ticketOf(message, this.outbox);
    // A delivery does not say which pull it answers, but each lane has only one.
    const lane = ticket && this.#laneOf.get(placeOf(ticket));
    if (!lane) {
      terminate(message, this.outbox);
      return;
    }
    const isCurrent = inlet === this.#inlet;
    this.events.onDelivery({ ticket, message, lane, isParked: isCurrent && !lane.pull?.answer });
    if (!isCurrent || !lane.pull || --lane.pull.left > 0) return;
    const wasParked = !lane.pull.answer;
    this.#endPull(lane, 'more');
    // Whoever asked goes on by itself.
    if (wasParked) this.events.onUsedUp();
  }

  #statusReceived(inlet: Inlet, message: Msg): void {
    if (inlet !== this.#inlet) return;
    const id = message.subject.slice(inlet.prefix.length);
    const lane = this.lanes[Number.parseInt(id, 10)];
    if (lane?.pull?.id !== id) return;
    const { code = 0, description = '' } = message.headers ?? {};
    const wasParked = !lane.pull.answer;
    if (code === 404 || code === 408) {
      this.#endPull(lane, 'dry');
      if (wasParked) this.events.onDry(lane);
    } else if (description === 'Message Size Exceeds MaxBytes') {
      this.#endPull(lane, 'more');
      if (wasParked) this.events.onUsedUp();
    } else this.#troubled(lane, lane.pull, code, description);
  }

  /** 409 or 503: the consumer or the stream is away, or too many wait. The lane counts as parked until it is tried again. */
  #troubled(lane: PulledLane, pull: Pull, code: number, description: string): void {
    const { answer } = pull;
    pull.answer = undefined;
    pull.lostAt = performance.now() + TROUBLE_RETRY_MS;
    answer?.('dry');
    this.events.onTrouble({ queue: lane.queue, lane: lane.lane, code, description });
  }
}

const placeOf = ({ queue, lane }: { queue: string; lane: Lane }): string => `${queue}.${lane}`;
