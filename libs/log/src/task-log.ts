import { decide } from '@millrace/domain';
import type { Command, Fact, Run, TaskEvent, TaskState } from '@millrace/domain';
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogAdmin } from './admin.js';
import { AmbiguousConflictError, Appender, cancelTimerHeaders, conditionHeaders } from './appender.js';
import type { AppendOptions } from './appender.js';
import { openBuckets } from './buckets.js';
import type { Buckets } from './buckets.js';
import { encodeFact, encodeTimer } from './codec.js';
import { Inbox, openConnection, watchConnection } from './connection.js';
import type { ConnectionOptions } from './connection.js';
import { ConcurrencyError } from './errors.js';
import { Follower } from './follower.js';
import type { FollowOptions } from './follower.js';
import { provisionQueue, provisionStreams } from './provision.js';
import type { Drift } from './provision.js';
import { Reader } from './reader.js';
import { Requests } from './requests.js';
import { TicketPuller } from './ticket-puller.js';
import type { PullOptions } from './ticket-puller.js';
import { DEFAULT_LEASE_SECONDS, subjects } from './topology.js';
import type { AskVerb, TaskRef } from './topology.js';

export interface LogOptions extends ConnectionOptions {
  /** Copies of each stream that is made: 1 or 3. Defaults to 1. */
  replicas?: number;
  /** Lease of the tickets of a queue that is made. Defaults to {@link DEFAULT_LEASE_SECONDS}. */
  leaseSeconds?: number;
}

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

/** How one worker asks another for an attempt. */
export type RunRef = Pick<Run, 'token' | 'ticket'>;

/** A command that loses so many races in a row gives up. */
const RACES = 5;

/** The one log: the only way by which a process of Millrace talks to JetStream. */
export class TaskLog {
  readonly read: Reader;
  readonly admin: LogAdmin;
  readonly #inbox: Inbox;
  readonly #appender: Appender;
  readonly #followers = new Set<Follower>();
  readonly #pullers = new Set<TicketPuller>();
  readonly #listeners = { disconnected: new Set<() => void>(), reconnected: new Set<() => void>() };
  readonly #process = crypto.randomUUID().slice(0, 8);
  #events = 0;
  #connectedAt = performance.now();
  #away = false;

  private constructor(
    private readonly connection: NatsConnection,
    private readonly manager: JetStreamManager,
    requests: Requests,
    readonly buckets: Buckets,
    readonly drifts: readonly Drift[],
    private readonly options: LogOptions,
    inbox: Inbox,
  ) {
    this.read = new Reader(requests);
    this.admin = new LogAdmin(manager);
    this.#inbox = inbox;
    this.#appender = new Appender(connection, inbox);
    void watchConnection(connection, {
      disconnected: () => {
        this.#away = true;
        for (const listener of this.#listeners.disconnected) listener();
      },
      reconnected: () => {
        this.#away = false;
        this.#connectedAt = performance.now();
        this.#appender.resendAll();
        for (const follower of this.#followers) follower.resync();
        for (const puller of this.#pullers) puller.reset();
        for (const listener of this.#listeners.reconnected) listener();
      },
    });
  }

  /** Connects, waits for the broker if need be, and makes the streams and buckets that are not there. */
  static async open(options: LogOptions): Promise<TaskLog> {
    const connection = await openConnection(options);
    const manager = await jetstreamManager(connection);
    const drifts = await provisionStreams(manager, options.replicas ?? 1);
    const buckets = await openBuckets(connection);
    const inbox = new Inbox(connection);
    return new TaskLog(connection, manager, new Requests(inbox), buckets, drifts, options, inbox);
  }

  /** Whether the broker is reachable now. */
  get connected(): boolean {
    return !this.#away && !this.connection.isClosed();
  }

  /** Milliseconds since the connection was (re)made. */
  get connectedForMs(): number {
    return performance.now() - this.#connectedAt;
  }

  /**
   * Appends an event on the condition that `expected` is still the task's last fact (0: the task must not exist), and arms the timer if
   * it is a wait. The write is sent again when there is no answer; whether it was stored the first time is found out by its id.
   *
   * @throws ConcurrencyError when the task moved on
   * @throws LogUnavailableError after `deadlineMs`; the write may have been stored
   */
  async append(ref: TaskRef, expected: number, event: TaskEvent, options: WriteOptions): Promise<Fact> {
    const stamp = {
      id: `${this.#process}-${(this.#events++).toString(36)}`,
      prev: expected,
      at: new Date(options.now ?? Date.now()).toISOString(),
      actor: options.actor,
    };
    const check = options.uniqueId ? subjects.factsOfId(ref.task_id) : subjects.factsOf(ref);
    const write = {
      subject: subjects.fact(ref, event.kind),
      payload: encodeFact(event, stamp),
      headers:
        conditionHeaders(expected, check) +
        (options.endsWait === undefined ? '' : cancelTimerHeaders(subjects.timer(ref, options.endsWait))),
    };
    let sequence: number;
    try {
      sequence = await this.#appender.append(write, expected, options);
    } catch (error) {
      if (!(error instanceof AmbiguousConflictError)) throw error;
      sequence = await this.#findOwn(stamp.id, expected, error);
    }
    const fact = { ...event, ...stamp, ...ref, sequence } as Fact;
    if (fact.kind === 'scheduled') await this.arm(fact, options);
    return fact;
  }

  /**
   * Arms the timer of a wait, on the condition that it is still the task's last fact. A crash before this leaves a wait without a timer:
   * the redelivered ticket or the sweeper arms it.
   */
  async arm(wait: Fact & { kind: 'scheduled' }, options: AppendOptions = {}): Promise<void> {
    const headers =
      conditionHeaders(wait.sequence, subjects.factsOf(wait)) +
      `Nats-Schedule: @at ${wait.data.until}\r\nNats-Schedule-Target: ${subjects.due(wait, wait.data.lane)}\r\n`;
    const write = { subject: subjects.timer(wait, wait.sequence), payload: encodeTimer(wait), headers };
    try {
      await this.#appender.append(write, wait.sequence, options);
    } catch (error) {
      // The wait is over already: it needs no timer.
      if (!(error instanceof ConcurrencyError)) throw error;
    }
  }

  /**
   * Reads a task, decides, appends; decides again on the new state when somebody else was faster.
   *
   * @returns the state before and the fact, or no fact when the wish was already true
   * @throws TaskRefusal when the state does not allow it
   * @throws ConcurrencyError after {@link RACES} lost races
   */
  async change(
    ref: TaskRef | { task_id: string },
    command: Command,
    options: WriteOptions,
  ): Promise<{ before: TaskState; fact?: Fact }> {
    for (let race = 1; ; race++) {
      const before = await this.read.task(ref);
      const event = decide(command, before, { now: Date.now(), random: Math.random() });
      if (!event || before.phase === 'none') return { before };
      try {
        const wait = before.phase === 'scheduled' ? { endsWait: before.sequence } : {};
        const task = { queue: before.queue, task_id: before.id };
        return { before, fact: await this.append(task, before.sequence, event, { ...options, ...wait }) };
      } catch (error) {
        if (!(error instanceof ConcurrencyError) || race === RACES) throw error;
      }
    }
  }

  /** Makes the lane consumers of a queue that are not there. */
  async provisionQueue(queue: string, definedBy: string): Promise<Drift[]> {
    await this.buckets.queues.create(queue, { name: queue, defined_by: definedBy });
    const record = await this.buckets.queues.get(queue);
    return provisionQueue(this.manager, queue, {
      startSequence: record?.value.least_ticket ?? 1,
      leaseSeconds: this.options.leaseSeconds ?? DEFAULT_LEASE_SECONDS,
    });
  }

  /** Pulls the tickets of queues until it is stopped. */
  pull(options: PullOptions): TicketPuller {
    const puller = new TicketPuller(this.connection, options);
    this.#pullers.add(puller);
    return puller.start();
  }

  /** Follows a stream in order and without a gap until it is stopped. */
  follow(options: FollowOptions): Follower {
    const follower = new Follower(this.connection, this.manager, options);
    this.#followers.add(follower);
    return follower.start();
  }

  /** Asks a task or its worker for something; kept until it was answered by facts. Resolves with the ask's sequence. */
  ask(ref: TaskRef, verb: AskVerb, body: object, options: AppendOptions = {}): Promise<number> {
    const write = { subject: subjects.ask(ref, verb), payload: JSON.stringify(body), headers: '' };
    return this.#appender.append(write, 0, options);
  }

  /** Notes what an operator or a repair did. Resolves with its sequence. */
  note(noun: string, verb: string, body: object, options: AppendOptions = {}): Promise<number> {
    const write = { subject: subjects.op(noun, verb), payload: JSON.stringify(body), headers: '' };
    return this.#appender.append(write, 0, options);
  }

  /** Tells how far a task is, live; never waits, and may be lost. */
  reportProgress(ref: TaskRef, payload: string): void {
    this.connection.publish(subjects.progress(ref), payload);
  }

  /** Answers other workers that ask whether this one runs an attempt. */
  answerRuns(worker: string, runs: (attempt: RunRef) => boolean): void {
    this.connection.subscribe(subjects.runsOf(worker), {
      callback: (_error, message) => {
        message.respond(runs(message.json<RunRef>()) ? 'yes' : 'no');
      },
    });
  }

  /** Whether a worker runs the attempt: undefined when it does not answer. */
  async askRuns(worker: string, { token, ticket }: RunRef, timeoutMs: number): Promise<boolean | undefined> {
    try {
      const question = JSON.stringify({ token, ticket });
      const answer = await this.connection.request(subjects.runsOf(worker), question, { timeout: timeoutMs });
      return answer.string() === 'yes';
    } catch {
      return undefined;
    }
  }

  /**
   * Calls back when something may have been written about a task. Only a hint: a refused write is seen too, and a hint may come before
   * the write can be read. The function ends it.
   */
  onHint(ref: TaskRef, hint: () => void): () => void {
    const subscription = this.connection.subscribe(subjects.factsOf(ref), { callback: hint });
    this.#listeners.reconnected.add(hint);
    return () => {
      subscription.unsubscribe();
      this.#listeners.reconnected.delete(hint);
    };
  }

  /** The function ends it. */
  on(event: 'disconnected' | 'reconnected', listener: () => void): () => void {
    this.#listeners[event].add(listener);
    return () => this.#listeners[event].delete(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pullers].map((puller) => puller.stop()));
    await Promise.all([...this.#followers].map((follower) => follower.stop()));
    this.#appender.stop();
    this.#inbox.stop();
    await this.connection.close();
  }

  /** My write was sent twice and refused: it is among the facts after the one it expected, or it was never stored. */
  async #findOwn(id: string, expected: number, conflict: ConcurrencyError): Promise<number> {
    for (let sequence = conflict.actual; sequence > expected;) {
      const fact = await this.read.factAt(sequence);
      if (fact?.id === id) return sequence;
      if (!fact) break;
      sequence = fact.prev;
    }
    throw new ConcurrencyError(expected, conflict.actual);
  }
}
