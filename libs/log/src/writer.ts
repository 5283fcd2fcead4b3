import type { Fact, TaskEvent } from '@millrace/domain';
import { AmbiguousConflictError, cancelTimerHeaders, conditionHeaders } from './appender.js';
import type { AppendOptions, Appender, Write } from './appender.js';
import { encodeFact, encodeTimer } from './codec.js';
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
  #events = 0;

  constructor(
    private readonly appender: Appender,
    private readonly read: Reader,
  ) {}

  /** See {@link TaskLog.append}. */
  async append(ref: TaskRef, expected: number, event: TaskEvent, options: WriteOptions): Promise<Fact> {
    const { queue, task_id } = ref;
    const { actor, endsWait } = options;
    const id = this.#newId();
    const at = new Date(options.now ?? Date.now()).toISOString();
    const check = options.uniqueId ? subjects.factsOfId(task_id) : subjects.factsOf(ref);
    let headers = conditionHeaders(expected, check);
    if (endsWait !== undefined) headers += cancelTimerHeaders(subjects.timer(ref, endsWait));
    const write = {
      subject: subjects.fact(ref, event.kind),
      payload: encodeFact(event, { id, prev: expected, at, actor }),
      headers,
    };
    const sequence = await this.#once(write, id, expected, options);
    const { kind, data } = event;
    const fact = { kind, data, queue, task_id, sequence, id, prev: expected, at, actor } as Fact;
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
        return await this.#once(write, idIn(payload), prev, { ...options, ...left }, stream);
      } catch (error) {
        if (!(error instanceof ConcurrencyError)) throw error;
      }
    }
  }

  /** Appends; if it had to be sent more than once and was refused, it is looked for among what was stored since. */
  async #once(
    write: Write,
    id: string,
    expected: number,
    options: AppendOptions,
    stream?: string,
  ): Promise<number> {
    const deadline = performance.now() + (options.deadlineMs ?? Infinity);
    try {
      return await this.appender.append(write, expected, options);
    } catch (error) {
      if (!(error instanceof AmbiguousConflictError)) throw error;
      for (let sequence = error.actual; sequence > expected;) {
        const at = sequence;
        const message = await this.#patiently(
          () => this.read.messageAt(at, stream),
          deadline,
          options.signal,
        );
        if (!message) break;
        if (idIn(message.payload) === id) return sequence;
        sequence = prevIn(message.payload);
      }
      throw new ConcurrencyError(expected, error.actual);
    }
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

  #newId(): string {
    return `${this.#process}-${(this.#events++).toString(36)}`;
  }
}

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
