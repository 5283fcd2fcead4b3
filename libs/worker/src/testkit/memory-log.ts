import { NO_TASK, decide, evolve, isLane, signalWait } from '@millrace/domain';
import type {
  Command,
  ExistingTask,
  Fact,
  Json,
  Lane,
  TaskCard,
  TaskEvent,
  TaskState,
} from '@millrace/domain';
import { ConcurrencyError, encodeFact, encodeTimer, factOf } from '@millrace/log';
import type { Signal, TaskRef, Ticket } from '@millrace/log';
import type { TimeAndChance } from '../execution/time-and-chance.js';

/** The timer of a wait: it fires once its time has come, whatever has become of the wait. */
interface Timer {
  at: number;
  wait: Fact & { kind: 'scheduled' };
}

/**
 * The log of one task, in memory: conditional appends, tickets and timers, and nothing that judges. Bodies are written and read by the
 * codec of the real one.
 */
export class MemoryLog {
  readonly facts: Fact[] = [];
  readonly #signals: Signal[] = [];
  readonly #tickets: Ticket[] = [];
  #timers: Timer[] = [];
  /** Messages so far, as a stream counts them. */
  #sequence = 0;
  #state: TaskState = NO_TASK;

  constructor(
    private readonly ref: TaskRef,
    private readonly time: Pick<TimeAndChance, 'now' | 'random'>,
    private readonly onFact: () => void,
  ) {}

  get state(): TaskState {
    return this.#state;
  }

  /** @throws ConcurrencyError when `expected` is not the last fact */
  append(expected: number, event: TaskEvent, { actor, now }: { actor: string; now?: number }): Fact {
    const actual = this.facts.at(-1)?.sequence ?? 0;
    if (actual !== expected) throw new ConcurrencyError(expected, actual);
    const sequence = ++this.#sequence;
    const at = new Date(now ?? this.time.now()).toISOString();
    const payload = encodeFact(event, { id: `event-${sequence}`, prev: expected, at, actor });
    const fact = factOf({ ...this.ref, kind: event.kind }, sequence, payload);
    this.facts.push(fact);
    this.#state = evolve(this.#state, fact);
    if (isLane(fact.kind)) this.#offer(sequence, fact.kind, payload, false);
    if (fact.kind === 'scheduled') this.#timers.push({ at: Date.parse(fact.data.until), wait: fact });
    this.onFact();
    return fact;
  }

  /** Decides and appends. Nothing is written when the wish is already true. */
  change(command: Command, actor: string): Fact | undefined {
    const context = { now: this.time.now(), random: this.time.random() };
    const event = decide(command, this.#state, context);
    return event && this.append(this.facts.at(-1)?.sequence ?? 0, event, { actor });
  }

  signal(name: string, payload: Json, actor: string): void {
    const at = new Date(this.time.now()).toISOString();
    const sequence = ++this.#sequence;
    this.#signals.push({ sequence, stored: sequence, name, payload, at });
    this.change({ type: 'release', waiting_for: signalWait(name) }, actor);
  }

  signalsAfter(sequence: number): Signal[] {
    return this.#signals.filter((signal) => signal.sequence > sequence);
  }

  /** See `TaskLog.releaseIfSignalled`. */
  releaseIfSignalled(wait: Fact, since: number): Fact | undefined {
    const waiting_for = 'waiting_for' in wait.data ? wait.data.waiting_for : undefined;
    const signal = this.signalsAfter(since).find(({ name }) => signalWait(name) === waiting_for);
    return signal && this.change({ type: 'release', waiting_for: signalWait(signal.name) }, wait.actor);
  }

  /** See `Reader.parametersOf`. */
  parametersOf({ parameters, input }: ExistingTask): Json {
    if (parameters !== undefined) return parameters;
    const card = this.factAt(input)?.data as TaskCard | undefined;
    return card?.parameters ?? null;
  }

  factAt(sequence: number): Fact | undefined {
    return this.facts.find((fact) => fact.sequence === sequence);
  }

  takeTicket(): Ticket | undefined {
    return this.#tickets.shift();
  }

  /** Its lease has run out, or its worker wants it no more. */
  giveBack(ticket: Ticket): void {
    this.#tickets.unshift(ticket);
  }

  get timers(): readonly Timer[] {
    return this.#timers;
  }

  fire(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.#offer(++this.#sequence, timer.wait.data.lane, encodeTimer(timer.wait), true);
  }

  #offer(sequence: number, lane: Lane, payload: string, due: boolean): void {
    const ticket: Ticket = {
      ...this.ref,
      sequence,
      lane,
      due,
      payload,
      ack: () => undefined,
      nak: () => this.giveBack(ticket),
      extend: () => undefined,
    };
    this.#tickets.push(ticket);
  }
}
