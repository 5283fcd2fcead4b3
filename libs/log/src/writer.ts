import type { Fact, TaskEvent } from '@millrace/domain';
import { AmbiguousConflictError, cancelTimerHeaders, conditionHeaders } from './appender.js';
import type { AppendOptions, Appender } from './appender.js';
import { CHAIN_START, chainEndOf, sealed } from './chain.js';
import type { ChainEnd } from './chain.js';
import { encodeFact, encodeTimer } from './codec.js';
import type { Stamp } from './codec.js';
import { ConcurrencyError, LogUnavailableError } from './errors.js';
import type { Reader } from './reader.js';
import type { StoredMessage } from './requests.js';
import { subjects } from './topology.js';
import type { TaskRef } from './topology.js';

export interface WriteOptions extends AppendOptions {
  /** Who causes it. */
  actor: string;
  /** Time of the decision in milliseconds since the epoch. Defaults to now. */
  now?: number;
  /** For the creation of a task with a caller's id: no queue may have a task of this id. */
  uniqueId?: boolean;
  /** Sequence of the wait that this write ends: its timer is taken away. Only tidiness, a ticket it fired would be void. */
  endsWait?: number;
}

/** Writes facts, timers and notes so that each is stored once, however often it had to be sent. */
export class Writer {
  readonly #process = crypto.randomUUID().slice(0, 8);
  /** The last link of each chain, as far as this process has written it. */
  readonly #ends = new Map<string, ChainEnd>();
  #events = 0;
  #now = NaN;
  #at = '';

  constructor(
    private readonly appender: Appender,
    private readonly read: Reader,
  ) {}

  /** See {@link TaskLog.append}. */
  append(ref: TaskRef, expected: number, event: TaskEvent, options: WriteOptions): Promise<Fact> {
    const { queue, task_id } = ref;
    const stamp = {
      id: this.#newId(),
      prev: expected,
      at: this.#timeOf(options.now ?? Date.now()),
      actor: options.actor,
    };
    const check = options.uniqueId ? subjects.factsOfId(task_id) : subjects.factsOf(ref);
    let headers = conditionHeaders(expected, check);
    if (options.endsWait !== undefined) headers += cancelTimerHeaders(subjects.timer(ref, options.endsWait));
    const write = { subject: subjects.fact(ref, event.kind), payload: encodeFact(event, stamp), headers };
    // Not a step of an async function, whose frame would keep the texts until the answer: thousands of them are under way.
    const stored = this.appender.append(write, expected, options);
    return this.#factOf(stored, queue, task_id, event, stamp, options);
  }

  async #factOf(
    stored: Promise<number>,
    queue: string,
    task_id: string,
    { kind, data }: TaskEvent,
    { id, prev, at, actor }: Stamp,
    options: WriteOptions,
  ): Promise<Fact> {
    let sequence: number;
    try {
      sequence = await stored;
    } catch (error) {
      sequence = await this.#find(error, id, prev, options);
    }
    const fact = { kind, data, queue, task_id, sequence, id, prev, at, actor } as Fact;
    if (fact.kind === 'scheduled') await this.arm(fact, options);
    return fact;
  }

  /** See {@link TaskLog.arm}. */
  async arm(wait: Fact & { kind: 'scheduled' }, options: AppendOptions = {}): Promise<void> {
    const headers =
      conditionHeaders(wait.sequence, subjects.factsOf(wait)) +
      `Nats-Schedule: @at ${wait.data.until}\r\nNats-Schedule-Target: ${subjects.due(wait, wait.data.lane)}\r\n`;
    const write = { subject: subjects.timer(wait, wait.sequence), payload: encodeTimer(wait), headers };
    try {
      await this.appender.append(write, wait.sequence, options);
    } catch (error) {
      // The wait is over already: it needs no timer.
      if (!(error instanceof ConcurrencyError)) throw error;
    }
  }

  /**
   * Appends something that no condition guards: an ask, a note. A condition on its own subject makes a repetition recognisable all the
   * same; who comes in between only makes it try again.
   */
  async note(stream: string, subject: string, body: object, options: AppendOptions): Promise<number> {
    const deadlineMs = options.deadlineMs ?? Infinity;
    const deadline = performance.now() + deadlineMs;
    const id = this.#newId();
    for (;;) {
      const last = await this.#patiently(() => this.read.lastOn(subject, stream), deadline, options.signal);
      const prev = last?.sequence ?? 0;
      const payload = JSON.stringify({ id, ...body, prev });
      const write = { subject, payload, headers: conditionHeaders(prev, subject) };
      const left = deadlineMs === Infinity ? {} : { deadlineMs: deadline - performance.now() };
      try {
        return await this.appender.append(write, prev, { ...options, ...left });
      } catch (error) {
        const stored = await this.#find(error, idIn(payload), prev, options, stream).catch(unlessRaced);
        if (stored !== undefined) return stored;
      }
    }
  }

  /**
   * Appends a note that names the one before it in its chain by its hash, so that none can be changed or taken out unseen. Of several
   * writers one is first; the others name that one.
   *
   * @param chain the filter of the subjects that are one chain: all writers must give the same
   */
  async link(
    stream: string,
    { subject, chain }: { subject: string; chain: string },
    body: object,
    options: AppendOptions,
  ): Promise<number> {
    const deadlineMs = options.deadlineMs ?? Infinity;
    const deadline = performance.now() + deadlineMs;
    const id = this.#newId();
    for (;;) {
      const before = this.#ends.get(chain) ?? (await this.#chainEnd(stream, chain, deadline, options));
      const { payload, hash } = sealed({ id, ...body }, before);
      const write = { subject, payload, headers: conditionHeaders(before.sequence, chain) };
      const left = deadlineMs === Infinity ? {} : { deadlineMs: deadline - performance.now() };
      const sequence = await this.appender
        .append(write, before.sequence, { ...options, ...left })
        .catch((error: unknown) => this.#find(error, id, before.sequence, options, stream))
        .catch(unlessRaced);
      if (sequence === undefined) this.#ends.delete(chain);
      else {
        this.#ends.set(chain, { sequence, hash });
        return sequence;
      }
    }
  }

  async #chainEnd(
    stream: string,
    chain: string,
    deadline: number,
    { signal }: AppendOptions,
  ): Promise<ChainEnd> {
    const last = await this.#patiently(() => this.read.lastOn(chain, stream), deadline, signal);
    return last ? chainEndOf(last) : CHAIN_START;
  }

  /**
   * A write that had to be sent more than once and was refused may have been stored: it is looked for among what came since.
   *
   * @throws the error itself when it was not
   */
  async #find(
    error: unknown,
    id: string,
    expected: number,
    options: AppendOptions,
    stream?: string,
  ): Promise<number> {
    if (!(error instanceof AmbiguousConflictError)) throw error;
    const deadline = performance.now() + (options.deadlineMs ?? Infinity);
    for (let sequence = error.actual; sequence > expected;) {
      const at = sequence;
      const message = await this.#patiently(() => this.read.messageAt(at, stream), deadline, options.signal);
      if (!message) break;
      if (idIn(message.payload) === id) return sequence;
      sequence = prevIn(message.payload);
    }
    throw new ConcurrencyError(expected, error.actual);
  }

  /** A write without a deadline may not fail because a read of it does. */
  async #patiently(
    read: () => Promise<StoredMessage | undefined>,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredMessage | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof LogUnavailableError) || performance.now() >= deadline || this.appender.stopped)
          throw error;
      }
    }
  }

  /** Most events of a busy process share their millisecond with the one before. */
  #timeOf(now: number): string {
    if (now !== this.#now) {
      this.#now = now;
      this.#at = new Date(now).toISOString();
    }
    return this.#at;
  }

  #newId(): string {
    return `${this.#process}-${(this.#events++).toString(36)}`;
  }
}

const unlessRaced = (error: unknown): undefined => {
  if (!(error instanceof ConcurrencyError)) throw error;
};

/** The link fields of a body, whatever else it holds and however old it is. */
const linksIn = (payload: string): { id?: unknown; prev?: unknown } => {
  try {
    return JSON.parse(payload) as object;
  } catch {
    return {};
  }
};
const idIn = (payload: string): string => String(linksIn(payload).id);
const prevIn = (payload: string): number => Number(linksIn(payload).prev ?? 0);
