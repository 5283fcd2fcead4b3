import { LANES, laneRank } from '@millrace/domain';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Inbox } from './connection.js';
import { LanePulls } from './lane-pulls.js';
import type { Answer, Delivery, LaneTrouble, PulledLane } from './lane-pulls.js';
import type { Outbox } from './outbox.js';
import type { Ticket } from './ticket.js';

export interface PullOptions {
  queues: string[];
  /** How many more tickets the worker can hold right now. */
  free: () => number;
  /** Takes a ticket; must take its slot before it returns. */
  onTicket: (ticket: Ticket) => void;
  /** Whether no pull is to be at a queue, until {@link TicketPuller.pullAnew}. Defaults to never. */
  isPaused?: (queue: string) => boolean;
  /** Told when a lane cannot be pulled from: its consumer is missing, say. It is tried again. */
  onTrouble?: (trouble: LaneTrouble) => void;
}

/**
 * A parked pull brings so many tickets at most; after them the lane is asked again. For those that come when the slots are taken
 * go back, and come again, until the pull is used up.
 */
const PARKED_AT_MOST = 16;
/** A worker that was full for so long takes back its parked pulls. For shorter it would only cost the round trips. */
const WITHDRAW_AFTER_MS = 20;
const GUARD_EVERY_MS = 500;

/** The lanes of one rank, one for each queue, served in turn. */
interface Rank {
  lanes: PulledLane[];
  /** Where the next round begins. */
  turn: number;
}

/**
 * Pulls tickets in strict order of the lanes. With free slots it asks lane after lane, the queues of a rank in turn, for no more than
 * fits, without waiting; a lane that is dry gets a parked pull, which brings the next ticket without a round trip. Without a free slot
 * it keeps no pull open; what still arrives is naked at once and comes back first.
 *
 * Parked lanes deliver beside each other: of many tasks that are submitted at once the least urgent may come first. So what a parked pull
 * brings for the last slot is kept in hand for one round trip, and gives way to what comes meanwhile and is more urgent.
 */
export class TicketPuller {
  readonly #pulls: LanePulls;
  readonly #ranks: Rank[];
  /** Place of the rank that is being asked. */
  #asking = 0;
  /** What is to have the last slot. */
  #candidate: Delivery | undefined;
  #isPumping = false;
  #again = false;
  #stopped = true;
  #withdrawal: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;

  /** @param onStopped told once it has stopped */
  constructor(
    private readonly connection: NatsConnection,
    outbox: Outbox,
    inbox: Inbox,
    private readonly options: PullOptions,
    private readonly onStopped: () => unknown = () => undefined,
  ) {
    this.#pulls = new LanePulls(connection, outbox, inbox, options.queues, {
      onDelivery: (delivery) => {
        this.#received(delivery);
      },
      onUsedUp: () => {
        this.wake();
      },
      onDry: (lane) => {
        this.#park(lane);
      },
      onTrouble: (trouble) => options.onTrouble?.(trouble),
    });
    this.#ranks = LANES.map((rank) => ({
      lanes: this.#pulls.lanes.filter(({ lane }) => lane === rank),
      turn: 0,
    }));
  }

  start(): this {
    if (!this.#stopped) return this;
    this.#stopped = false;
    this.pullAnew();
    this.#guard = setInterval(() => {
      this.#pulls.dropLost();
      this.wake();
    }, GUARD_EVERY_MS);
    return this;
  }

  /** Takes back all pulls. Tickets that are already on their way are naked. Safe before start and twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#guard);
    clearTimeout(this.#withdrawal);
    await this.#withdraw();
    this.#pulls.forgetReturned();
    this.onStopped();
  }

  /** A slot became free (or the last one was taken). */
  wake(): void {
    // A candidate wakes it when it has its slot, or not.
    if (this.#stopped || this.#candidate) return;
    if (this.options.free() > 0) {
      clearTimeout(this.#withdrawal);
      this.#withdrawal = undefined;
      this.#pump();
    } else this.#withdrawal ??= setTimeout(() => void this.#withdrawIfFull(), WITHDRAW_AFTER_MS);
  }

  /** Starts from scratch: after a reconnect the server knows no pull of ours, and confirms nothing that was sent before. */
  reset(): void {
    this.#pulls.forgetReturned();
    this.pullAnew();
  }

  /** Takes back all pulls and begins with the most urgent lane, as after the pause or the resume of a queue. */
  pullAnew(): void {
    if (this.#stopped) return;
    void this.#withdraw();
    this.wake();
  }

  async #withdrawIfFull(): Promise<void> {
    this.#withdrawal = undefined;
    if (this.options.free() <= 0) await this.#withdraw();
  }

  async #withdraw(): Promise<void> {
    const withdrawn = this.#pulls.withdraw();
    this.#decide();
    await withdrawn;
  }

  /** Tickets that may come. */
  get #free(): number {
    return this.#stopped ? 0 : this.options.free() - (this.#candidate ? 1 : 0);
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
        if (rank.lanes.some(this.#isOpen) && !(await this.#drainRank(rank))) break;
      }
    }
    // In the same turn as the look at #again: a wake in between would be lost.
    this.#isPumping = false;
  }

  /** Asks the queues of one rank in turn until they are dry. False when lower ranks must not be asked now. */
  async #drainRank(rank: Rank): Promise<boolean> {
    let open = inTurn(rank).filter(this.#isOpen);
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
      const again = asked.filter(
        (lane, i) => this.#isOpen(lane) && (answers[i] === 'more' || lane.returned.settling !== undefined),
      );
      for (const lane of asked) if (!again.includes(lane)) this.#park(lane);
      open = [...open.slice(asked.length), ...again];
    }
    return this.#free > 0;
  }

  /** Whether the lane may be asked: nothing of ours waits there. */
  readonly #isOpen = ({ pull, queue }: PulledLane): boolean => !pull && !this.options.isPaused?.(queue);

  /** Once all that went back to the lane is there again. */
  #ask(lane: PulledLane, batch: number): Promise<Answer> {
    const { settling } = lane.returned;
    if (!settling) return this.#pulls.ask(lane, batch);
    return settling.then(() => (this.#free < batch ? 'gone' : this.#pulls.ask(lane, batch)));
  }

  #park(lane: PulledLane): void {
    const free = this.#free;
    if (free > 0 && this.#isOpen(lane)) this.#pulls.park(lane, Math.min(free, PARKED_AT_MOST));
  }

  #received(delivery: Delivery): void {
    const { lane, isParked } = delivery;
    const free = this.options.free();
    if (this.#stopped || free <= 0 || this.#isTooEarly(delivery)) giveBack(delivery);
    else if (free > 1) this.#take(delivery);
    else if (this.#candidate) this.#compare(delivery, this.#candidate);
    else if (isParked && lane.lane !== LANES[0]) this.#keepInHand(delivery);
    else this.#take(delivery);
  }

  /** A parked pull brings it while lanes before its own are being asked: what they have comes first, and this one comes again. */
  #isTooEarly({ lane, isParked }: Delivery): boolean {
    return this.#isPumping && isParked && laneRank(lane.lane) > this.#asking;
  }

  #keepInHand(delivery: Delivery): void {
    this.#candidate = delivery;
    const decide = (): void => {
      this.#decide();
    };
    this.connection.flush().then(decide, decide);
  }

  #compare(delivery: Delivery, candidate: Delivery): void {
    const isFirst = laneRank(delivery.lane.lane) < laneRank(candidate.lane.lane);
    if (isFirst) this.#candidate = delivery;
    giveBack(isFirst ? candidate : delivery);
  }

  #decide(): void {
    const candidate = this.#candidate;
    if (!candidate) return;
    this.#candidate = undefined;
    if (this.#stopped || this.options.free() <= 0) giveBack(candidate);
    else this.#take(candidate);
    this.wake();
  }

  #take({ ticket }: Delivery): void {
    this.options.onTicket(ticket);
    if (this.options.free() <= 0) this.wake();
  }
}

const giveBack = ({ message, lane }: Delivery): void => {
  lane.returned.add(message);
};

const inTurn = ({ lanes, turn }: Rank): PulledLane[] => [...lanes.slice(turn), ...lanes.slice(0, turn)];
