import { LANES, laneRank } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { listen } from './connection.js';
import type { Inbox } from './connection.js';
import type { Outbox } from './outbox.js';
import { ReturnedTickets } from './returned-tickets.js';
import { terminate, ticketOf } from './ticket.js';
import type { Ticket } from './ticket.js';
import { laneConsumer, streams } from './topology.js';

export interface PullOptions {
  queues: string[];
  /** How many more tickets the worker can hold right now. */
  free: () => number;
  /** Takes a ticket; must take its slot before it returns. */
  onTicket: (ticket: Ticket) => void;
  /** Told when a lane cannot be pulled from: its consumer is missing, say. It is tried again. */
  onTrouble?: (trouble: { queue: string; lane: Lane; code: number; description: string }) => void;
}

/** A parked pull waits so long at the server. */
const PARKED_MS = 30_000;
/**
 * A parked pull brings so many tickets at most; after them the lane is asked again. For those that come when the slots are taken
 * go back, and come again, until the pull is used up.
 */
const PARKED_AT_MOST = 16;
/** The server ends a pull before it sends more: it would cut off a client that has 64 MiB to take in. */
const PULL_BYTES = 8 * 1024 * 1024;
/** So many tickets fit, however long they are: the limit would cost a message to each pull. */
const LONGEST_THAT_FIT = 7;
/** An answer to a question takes one round trip; later it was lost. */
const ASK_LOST_MS = 1_000;
/** A worker that was full for so long takes back its parked pulls. For shorter it would only cost the round trips. */
const WITHDRAW_AFTER_MS = 20;
const TROUBLE_RETRY_MS = 500;
const GUARD_EVERY_MS = 500;

/** What a question found: the lane is empty now, or may have more; `gone` if all pulls were taken back meanwhile. */
type Answer = 'dry' | 'more' | 'gone';

interface LaneState {
  index: number;
  queue: string;
  lane: Lane;
  pull: Pull | undefined;
  /** What went back there. */
  returned: ReturnedTickets;
}

/** The lanes of one rank, one for each queue, served in turn. */
interface Rank {
  lanes: LaneState[];
  /** Where the next round begins. */
  turn: number;
}

/** An open pull; without `answer` it is parked. */
interface Pull {
  id: string;
  left: number;
  lostAt: number;
  answer: ((answer: Answer) => void) | undefined;
}

/** A ticket that would take the last slot: a more urgent one may be on its way beside it. */
interface Candidate {
  ticket: Ticket;
  message: Msg;
  lane: LaneState;
}

/** All pulls that share an inbox, until they are taken back together. */
interface Inlet {
  prefix: string;
  subscription: Subscription;
}

/**
 * Pulls tickets in strict order of the lanes. With free slots it asks lane after lane, the queues of a rank in turn, for no more than
 * fits, without waiting; a lane that is dry gets a parked pull, which brings the next ticket without a round trip. Without a free slot
 * it keeps no pull open; what still arrives is naked at once and comes back first.
 */
export class TicketPuller {
  readonly #lanes: LaneState[];
  readonly #laneOf: ReadonlyMap<string, LaneState>;
  readonly #ranks: Rank[];
  #inlet: Inlet | undefined;
  #nextPull = 0;
  /** Place of the rank that is being asked. */
  #asking = 0;
  #candidate: Candidate | undefined;
  #isPumping = false;
  #again = false;
  #stopped = true;
  #withdrawal: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;

  /** @param onStopped told once it has stopped */
  constructor(
    private readonly connection: NatsConnection,
    private readonly outbox: Outbox,
    inbox: Inbox,
    private readonly options: PullOptions,
    private readonly onStopped: () => unknown = () => undefined,
  ) {
    this.#lanes = LANES.flatMap((lane) => options.queues.map((queue) => ({ queue, lane }))).map(
      (place, index) => ({ ...place, index, pull: undefined, returned: new ReturnedTickets(inbox, outbox) }),
    );
    this.#laneOf = new Map(this.#lanes.map((state) => [placeOf(state), state]));
    this.#ranks = LANES.map((lane) => ({
      lanes: this.#lanes.filter((state) => state.lane === lane),
      turn: 0,
    }));
  }

  start(): this {
    if (!this.#stopped) return this;
    this.#stopped = false;
    this.pullAnew();
    this.#guard = setInterval(() => {
      this.#dropLostPulls();
    }, GUARD_EVERY_MS);
    return this;
  }

  /** Takes back all pulls. Tickets that are already on their way are naked. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#guard);
    clearTimeout(this.#withdrawal);
    await this.#withdraw();
    for (const { returned } of this.#lanes) returned.forget();
    this.onStopped();
  }

  /** A slot became free (or the last one was taken). */
  wake(): void {
    // A candidate wakes it when it is decided upon.
    if (this.#stopped || this.#candidate) return;
    if (this.options.free() > 0) {
      clearTimeout(this.#withdrawal);
      this.#withdrawal = undefined;
      this.#pump();
    } else this.#withdrawal ??= setTimeout(() => void this.#withdrawIfFull(), WITHDRAW_AFTER_MS);
  }

  /** Starts from scratch: after a reconnect the server knows no pull of ours, and confirms nothing that was sent before. */
  reset(): void {
    for (const { returned } of this.#lanes) returned.forget();
    this.pullAnew();
  }

  /** Takes back all pulls and begins with the most urgent lane: after a resume of a queue one that is parked does not wake. */
  pullAnew(): void {
    if (this.#stopped) return;
    void this.#withdraw();
    this.wake();
  }

  async #withdrawIfFull(): Promise<void> {
    this.#withdrawal = undefined;
    if (this.options.free() <= 0) await this.#withdraw();
  }

  /** The old inbox is read to the end of what the server has sent: a ticket that nobody reads would wait out its lease. */
  async #withdraw(): Promise<void> {
    const inlet = this.#inlet;
    this.#inlet = undefined;
    for (const lane of this.#lanes) this.#endPull(lane, 'gone');
    if (this.#candidate) this.#decide(this.#candidate);
    // A pull that came after its inbox has gone would be answered to nobody.
    this.outbox.flush();
    // It fails only when the connection is gone, and with it all that was sent.
    await inlet?.subscription.drain().catch(() => undefined);
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

  #endPull(lane: LaneState, answer: Answer): void {
    const pull = lane.pull;
    lane.pull = undefined;
    pull?.answer?.(answer);
  }

  #pump(): void {
    this.#again = true;
    if (!this.#isPumping) void this.#pumpUntilQuiet();
  }

  async #pumpUntilQuiet(): Promise<void> {
    this.#isPumping = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (const [place, rank] of this.#ranks.entries()) {
        this.#asking = place;
        if (rank.lanes.some(isOpen) && !(await this.#drainRank(rank))) break;
      }
    }
    // In the same turn as the look at #again: a wake in between would be lost.
    this.#isPumping = false;
  }

  /** Asks the queues of one rank in turn until they are dry. False when lower ranks must not be asked now. */
  async #drainRank(rank: Rank): Promise<boolean> {
    let open = inTurn(rank).filter(isOpen);
    while (open.length > 0) {
      const free = this.#free;
      if (free <= 0) return false;
      const asked = open.slice(0, free);
      const [next = asked[0]] = open.slice(asked.length);
      rank.turn = Math.max(
        0,
        rank.lanes.findIndex((lane) => lane === next),
      );
      const batch = Math.floor(free / asked.length);
      const answers = await Promise.all(asked.map((lane) => this.#ask(lane, batch)));
      if (answers.includes('gone')) return false;
      const again = asked.filter((lane, i) => answers[i] === 'more' || lane.returned.settling);
      for (const lane of asked) if (!again.includes(lane)) this.#park(lane);
      open = [...open.slice(asked.length), ...again];
    }
    return this.#free > 0;
  }

  /** Tickets that may come without displacing another one. */
  get #free(): number {
    return this.#stopped ? 0 : this.options.free() - (this.#candidate ? 1 : 0);
  }

  /** Resolves when the tickets that are there, at most `batch`, have come. */
  async #ask(lane: LaneState, batch: number): Promise<Answer> {
    const { settling } = lane.returned;
    if (settling) {
      await settling;
      if (this.#free < batch) return 'gone';
    }
    return new Promise((answer) => {
      this.#request(lane, batch, '"no_wait":true', ASK_LOST_MS, answer);
    });
  }

  #park(lane: LaneState): void {
    const free = this.options.free();
    if (this.#stopped || free <= 0 || lane.pull) return;
    const batch = Math.min(free, PARKED_AT_MOST);
    this.#request(lane, batch, `"expires":${PARKED_MS}000000`, PARKED_MS + GUARD_EVERY_MS);
  }

  #request(
    lane: LaneState,
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

  #ticketReceived(inlet: Inlet, message: Msg): void {
    const ticket = ticketOf(message, this.outbox);
    // A delivery does not say which pull it answers, but each lane has only one.
    const origin = ticket && this.#laneOf.get(placeOf(ticket));
    const lane = inlet === this.#inlet ? origin : undefined;
    if (!ticket) terminate(message, this.outbox);
    else if (!origin) ticket.nak();
    else this.#received({ ticket, message, lane: origin }, lane);
    if (!lane?.pull || --lane.pull.left > 0) return;
    const wasParked = !lane.pull.answer;
    this.#endPull(lane, 'more');
    // Whoever asked goes on by itself.
    if (wasParked) this.wake();
  }

  #received(delivery: Candidate, current: LaneState | undefined): void {
    const { lane } = delivery;
    const free = this.options.free();
    const other = this.#candidate;
    const isParked = current !== undefined && !current.pull?.answer;
    if (this.#stopped || free <= 0 || this.#isTooEarly(current)) this.#giveBack(delivery);
    else if (free > 1) this.#take(delivery.ticket);
    else if (other) {
      const isFirst = laneRank(lane.lane) < laneRank(other.lane.lane);
      if (isFirst) this.#candidate = delivery;
      this.#giveBack(isFirst ? other : delivery);
    } else if (isParked && laneRank(lane.lane) > 0) this.#hold(delivery);
    else this.#take(delivery.ticket);
  }

  #hold(candidate: Candidate): void {
    this.#candidate = candidate;
    const decide = (): void => {
      if (this.#candidate) this.#decide(this.#candidate);
    };
    this.connection.flush().then(decide, decide);
  }

  #decide(candidate: Candidate): void {
    this.#candidate = undefined;
    if (this.#stopped || this.options.free() <= 0) this.#giveBack(candidate);
    else this.#take(candidate.ticket);
    this.wake();
  }

  #take(ticket: Ticket): void {
    this.options.onTicket(ticket);
    if (this.options.free() <= 0) this.wake();
  }

  #giveBack({ message, lane }: Candidate): void {
    lane.returned.add(message);
  }

  /** A parked pull brings it while lanes before its own are being asked: what they have comes first, and this one comes again. */
  #isTooEarly(lane: LaneState | undefined): boolean {
    return this.#isPumping && lane !== undefined && !lane.pull?.answer && laneRank(lane.lane) > this.#asking;
  }

  #statusReceived(inlet: Inlet, message: Msg): void {
    if (inlet !== this.#inlet) return;
    const id = message.subject.slice(inlet.prefix.length);
    const lane = this.#lanes[Number.parseInt(id, 10)];
    if (lane?.pull?.id !== id) return;
    const { code = 0, description = '' } = message.headers ?? {};
    const wasParked = !lane.pull.answer;
    if (code === 404 || code === 408) {
      this.#endPull(lane, 'dry');
      if (wasParked) this.#park(lane);
    } else if (description === 'Message Size Exceeds MaxBytes') {
      this.#endPull(lane, 'more');
      if (wasParked) this.wake();
    } else this.#troubled(lane, lane.pull, code, description);
  }

  /** 409 or 503: the consumer or the stream is away, or too many wait. The lane counts as parked until it is tried again. */
  #troubled(lane: LaneState, pull: Pull, code: number, description: string): void {
    const { answer } = pull;
    pull.answer = undefined;
    pull.lostAt = performance.now() + TROUBLE_RETRY_MS;
    answer?.('dry');
    this.options.onTrouble?.({ queue: lane.queue, lane: lane.lane, code, description });
  }

  #dropLostPulls(): void {
    const now = performance.now();
    for (const lane of this.#lanes) if (lane.pull && now >= lane.pull.lostAt) this.#endPull(lane, 'dry');
    this.wake();
  }
}

const placeOf = ({ queue, lane }: { queue: string; lane: Lane }): string => `${queue}.${lane}`;

/** Whether the lane may be asked: nothing of ours waits there. */
const isOpen = (lane: LaneState): boolean => !lane.pull;

const inTurn = ({ lanes, turn }: Rank): LaneState[] => [...lanes.slice(turn), ...lanes.slice(0, turn)];
