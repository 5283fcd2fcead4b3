import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { laneConsumer, parseSubject, streams } from './topology.js';

/** What a worker pulls: a message that makes a task ready. Acknowledgements go by stream sequence, so only its holder may send them. */
export interface Ticket {
  /** Sequence in the stream: the identity of the ticket. */
  sequence: number;
  queue: string;
  lane: Lane;
  task_id: string;
  /** Whether a timer fired it; else it is a ready fact. */
  due: boolean;
  payload: string;
  /** The task needs the ticket no more. */
  ack: () => void;
  /** Give it to somebody else: at once, or after a while. */
  nak: (delayMs?: number) => void;
  /** Still at work: the lease starts anew. */
  extend: () => void;
}

export interface PullOptions {
  queues: string[];
  /** How many more tickets the worker can hold right now. */
  free: () => number;
  /** Takes a ticket; must take its slot before it returns. */
  onTicket: (ticket: Ticket) => void;
}

/** A parked pull waits so long at the server. */
const PARKED_MS = 30_000;
/** An answer to a question without waiting takes one round trip; later it was lost. */
const ASK_LOST_MS = 1_000;
/** A worker that was full for so long takes back its parked pulls. For shorter it would only cost the round trips. */
const WITHDRAW_AFTER_MS = 20;
const TROUBLE_RETRY_MS = 500;
const GUARD_EVERY_MS = 5_000;

interface LaneState {
  index: number;
  queue: string;
  lane: Lane;
  pull: Pull | undefined;
}

interface Pull {
  id: string;
  left: number;
  parked: boolean;
  since: number;
  /** Ends a question: whether the lane ran dry. */
  answered?: (dry: boolean) => void;
}

/**
 * Pulls tickets in strict order of the lanes. With free slots it asks lane after lane, the queues of a rank in turn, for no more than
 * fits, without waiting; a lane that is dry gets a parked pull, which brings the next ticket without a round trip. Without a free slot
 * it keeps no pull open; what still arrives is naked at once and comes back first.
 */
export class TicketPuller {
  readonly #lanes: LaneState[];
  readonly #ranks: LaneState[][];
  #subscription: Subscription | undefined;
  #prefix = '';
  #nextPull = 0;
  #turn = 0;
  #pumping: Promise<void> | undefined;
  #again = false;
  #stopped = true;
  #withdrawal: NodeJS.Timeout | undefined;
  #guard: NodeJS.Timeout | undefined;

  constructor(
    private readonly connection: NatsConnection,
    private readonly options: PullOptions,
  ) {
    this.#lanes = LANES.flatMap((lane) => options.queues.map((queue) => ({ queue, lane }))).map(
      (place, index) => ({
        ...place,
        index,
        pull: undefined,
      }),
    );
    this.#ranks = LANES.map((lane) => this.#lanes.filter((state) => state.lane === lane));
  }

  start(): this {
    this.#stopped = false;
    this.reset();
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
    this.#forgetPulls();
    await this.#subscription?.drain().catch(() => undefined);
    await this.#pumping;
  }

  /** A slot became free (or the last one was taken). */
  wake(): void {
    if (this.#stopped) return;
    if (this.options.free() > 0) {
      clearTimeout(this.#withdrawal);
      this.#withdrawal = undefined;
      this.#pump();
    } else {
      this.#withdrawal ??= setTimeout(() => {
        this.#withdrawal = undefined;
        if (this.options.free() === 0) this.#withdraw();
      }, WITHDRAW_AFTER_MS);
    }
  }

  /** Starts from scratch: after a reconnect the server knows no pull of ours, after a resume of a queue a parked one does not wake. */
  reset(): void {
    if (this.#stopped) return;
    this.#withdraw();
    this.wake();
  }

  /** The old subscription goes on to the end of what the server has sent: a ticket that nobody reads would wait out its lease. */
  #withdraw(): void {
    this.#forgetPulls();
    this.#subscription?.drain().catch(() => undefined);
    this.#prefix = `_INBOX.${crypto.randomUUID().replaceAll('-', '')}.`;
    this.#subscription = this.connection.subscribe(`${this.#prefix}*`, {
      callback: (_error, message) => {
        this.#received(message);
      },
    });
  }

  #forgetPulls(): void {
    for (const lane of this.#lanes) this.#endPull(lane, true);
  }

  #endPull(lane: LaneState, dry: boolean): void {
    const pull = lane.pull;
    lane.pull = undefined;
    pull?.answered?.(dry);
  }

  #pump(): void {
    this.#again = true;
    this.#pumping ??= this.#pumpUntilQuiet().finally(() => {
      this.#pumping = undefined;
    });
  }

  async #pumpUntilQuiet(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (const rank of this.#ranks) {
        if (this.options.free() <= 0) break;
        await this.#drainRank(rank);
      }
    }
  }

  /** Asks the queues of one rank in turn until they are dry or no slot is free. */
  async #drainRank(rank: LaneState[]): Promise<void> {
    const from = rank.length > 1 ? this.#turn++ % rank.length : 0;
    let open = [...rank.slice(from), ...rank.slice(0, from)].filter((lane) => !lane.pull);
    while (open.length > 0 && !this.#stopped) {
      const free = this.options.free();
      if (free <= 0) return;
      const asked = open.slice(0, free);
      const batch = Math.max(1, Math.floor(free / asked.length));
      const dry = await Promise.all(asked.map((lane) => this.#ask(lane, batch)));
      asked.forEach((lane, i) => {
        if (dry[i]) this.#park(lane);
      });
      open = [...open.slice(asked.length), ...asked.filter((_, i) => !dry[i])];
    }
  }

  /** Resolves when the tickets that are there, at most `batch`, have come: true if the lane has no more. */
  #ask(lane: LaneState, batch: number): Promise<boolean> {
    return new Promise((resolve) => {
      const lost = setTimeout(() => {
        this.#endPull(lane, true);
      }, ASK_LOST_MS);
      const answered = (dry: boolean): void => {
        clearTimeout(lost);
        resolve(dry);
      };
      this.#request(lane, { batch, no_wait: true }, { left: batch, parked: false, answered });
    });
  }

  #park(lane: LaneState): void {
    const free = this.options.free();
    if (this.#stopped || free <= 0 || lane.pull) return;
    this.#request(lane, { batch: free, expires: PARKED_MS * 1e6 }, { left: free, parked: true });
  }

  #request(lane: LaneState, body: object, pull: Omit<Pull, 'id' | 'since'>): void {
    const id = `${lane.index}-${this.#nextPull++}`;
    lane.pull = { ...pull, id, since: performance.now() };
    try {
      this.connection.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${streams.tasks.name}.${laneConsumer(lane.queue, lane.lane)}`,
        JSON.stringify(body),
        { reply: this.#prefix + id },
      );
    } catch {
      // The connection is closed: nothing will come any more.
      this.#endPull(lane, true);
    }
  }

  #received(message: Msg): void {
    if (message.headers?.code) {
      this.#statusReceived(message.subject.slice(this.#prefix.length), message.headers.code);
      return;
    }
    const ticket = ticketOf(message);
    if (!ticket) return;
    const lane = this.#lanes.find((state) => state.queue === ticket.queue && state.lane === ticket.lane);
    if (this.#stopped || this.options.free() <= 0) ticket.nak();
    else this.options.onTicket(ticket);
    if (lane?.pull && --lane.pull.left === 0) {
      this.#endPull(lane, false);
      this.wake();
    }
  }

  #statusReceived(id: string, code: number): void {
    const lane = this.#lanes[Number(id.split('-')[0])];
    if (lane?.pull?.id !== id) return;
    const { parked } = lane.pull;
    if (code === 404 || code === 408) {
      this.#endPull(lane, true);
      if (parked) this.#park(lane);
      return;
    }
    // 409 or 503: the consumer or the stream is away, or too many wait. Keeps its place until it is tried again.
    lane.pull.answered?.(true);
    lane.pull = { id, left: 0, parked: true, since: performance.now() };
    setTimeout(() => {
      if (lane.pull?.id !== id) return;
      lane.pull = undefined;
      this.wake();
    }, TROUBLE_RETRY_MS);
  }

  #dropLostPulls(): void {
    const now = performance.now();
    for (const lane of this.#lanes)
      if (lane.pull && now - lane.pull.since > PARKED_MS + GUARD_EVERY_MS) this.#endPull(lane, true);
    this.wake();
  }
}

/** Undefined when the message is no ticket of ours. */
function ticketOf(message: Msg): Ticket | undefined {
  const parsed = parseSubject(message.subject);
  const due = parsed.type === 'due';
  if (!due && parsed.type !== 'fact') return undefined;
  const lane = due ? parsed.lane : (parsed.kind as Lane);
  const tokens = (message.reply ?? '').split('.');
  return {
    sequence: Number(tokens[tokens.length - 4]),
    queue: parsed.queue,
    lane,
    task_id: parsed.task_id,
    due,
    payload: message.string(),
    ack: () => message.respond('+ACK'),
    nak: (delayMs) => message.respond(delayMs === undefined ? '-NAK' : `-NAK {"delay":${delayMs * 1e6}}`),
    extend: () => message.respond('+WPI'),
  };
}
