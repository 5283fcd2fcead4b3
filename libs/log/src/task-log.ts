import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Fact, Json, TaskEvent, TaskState } from '@millrace/domain';
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogAdmin } from './admin.js';
import { Appender } from './appender.js';
import type { AppendOptions } from './appender.js';
import { makeMemoryBuckets, openBuckets } from './buckets.js';
import type { Buckets } from './buckets.js';
import { Changes } from './changes.js';
import { answerCleanups, askCleanup } from './cleanup-calls.js';
import type { CleanupAnswer, CleanupRequest } from './cleanup-calls.js';
import type { ChangeOptions } from './changes.js';
import { Inbox, listen, openConnection } from './connection.js';
import type { ConnectionOptions } from './connection.js';
import { ConnectionState } from './connection-state.js';
import type { ConnectionEvent } from './connection-state.js';
import { LogUnavailableError } from './errors.js';
import { KeptFacts } from './kept.js';
import type { Follower, FollowOptions } from './follower.js';
import { encodeLine } from './log-lines.js';
import type { LogLine } from './log-lines.js';
import { Followers } from './followers.js';
import { Outbox } from './outbox.js';
import { provisionMemoryStreams, provisionQueue, provisionStreams, whenReady } from './provision.js';
import type { Drift } from './provision.js';
import { Reader } from './reader.js';
import { Requests } from './requests.js';
import { answerRuns, askRuns } from './runs.js';
import type { RunRef } from './runs.js';
import { Signalling } from './signalling.js';
import { TicketPuller } from './ticket-puller.js';
import type { PullOptions } from './ticket-puller.js';
import { DEFAULT_LEASE_SECONDS, streams, subjects } from './topology.js';
import type { AskVerb, TaskRef } from './topology.js';
import { Writer } from './writer.js';
import type { WriteOptions } from './writer.js';

export interface LogOptions extends ConnectionOptions {
  /** Copies of each stream that is made: 1 or 3. Defaults to 1. */
  replicas?: number;
  /** Lease of the tickets of a queue that is made. Defaults to {@link DEFAULT_LEASE_SECONDS}. */
  leaseSeconds?: number;
}

/** Acknowledgements of the last moment get so long to reach the broker. */
const FLUSH_AT_MOST_MS = 1_000;

/** The one log: the only way by which a process of Millrace talks to JetStream. */
export class TaskLog {
  readonly read: Reader;
  readonly admin: LogAdmin;
  readonly kept: KeptFacts;
  readonly buckets: Buckets;
  /** What differed on the broker from what this version expects, when the log was opened. */
  readonly drifts: readonly Drift[];
  readonly #outbox: Outbox;
  readonly #appender: Appender;
  readonly #writer: Writer;
  readonly #pullers = new Set<TicketPuller>();
  readonly #state: ConnectionState;
  readonly #changes: Changes;
  readonly #signalling: Signalling;

  private constructor(
    private readonly connection: NatsConnection,
    private readonly inbox: Inbox,
    private readonly requests: Requests,
    private readonly followers: Followers,
    private readonly options: LogOptions,
    private readonly manager: JetStreamManager,
    lines: { outbox: Outbox; appender: Appender },
    found: { buckets: Buckets; drifts: Drift[] },
  ) {
    this.buckets = found.buckets;
    this.drifts = found.drifts;
    this.read = new Reader(requests);
    this.admin = new LogAdmin(manager, this.read);
    this.#outbox = lines.outbox;
    this.#appender = lines.appender;
    this.kept = new KeptFacts(manager, this.#appender, this.read);
    this.#writer = new Writer(this.#appender, this.read);
    this.#changes = new Changes(this.read, this.#writer);
    this.#signalling = new Signalling(this.read, this.#writer, this.#changes);
    this.#state = new ConnectionState(connection, (subject) => {
      this.#appender.forbidden(subject);
      requests.forbidden(subject);
    });
    // The first to listen: whoever listens from outside finds the log itself done with it.
    this.#state.on('disconnected', () => {
      this.#appender.disconnected();
    });
    this.#state.on('reconnected', () => {
      this.#reconnected();
    });
    this.#state.on('closed', () => {
      this.#closed();
    });
  }

  /**
   * Connects, waits for the broker if need be, and makes the streams and buckets that are not there.
   *
   * @throws when the broker refuses the login, or is reachable and not ready for half a minute
   */
  static async open(options: LogOptions): Promise<TaskLog> {
    const connection = await openConnection(options);
    const inbox = new Inbox(connection);
    const outbox = new Outbox(connection);
    const appender = new Appender(connection, inbox, outbox);
    try {
      const requests = new Requests(inbox);
      const followers = new Followers(connection, requests);
      const replicas = options.replicas ?? 1;
      const manager = await whenReady(() => jetstreamManager(connection));
      const drifts = await whenReady(() => provisionStreams(manager, replicas));
      const buckets = await whenReady(() => openBuckets(connection, requests, followers, appender, replicas));
      const lines = { outbox, appender };
      return new TaskLog(connection, inbox, requests, followers, options, manager, lines, {
        buckets,
        drifts,
      });
    } catch (error) {
      appender.stop();
      await connection.close();
      throw error;
    }
  }

  /** Whether the broker is reachable now. */
  get connected(): boolean {
    return this.#state.connected;
  }

  /** Milliseconds since the connection was (re)made. */
  get connectedForMs(): number {
    return performance.now() - this.#state.connectedAt;
  }

  /** Writes of this process that have no answer yet, sent or not. Whoever takes orders from outside looks at it before taking more. */
  get unanswered(): number {
    return this.#appender.unanswered;
  }

  /**
   * Appends an event on the condition that `expected` is still the task's last fact (0: the task must not exist), and arms the timer if
   * it is a wait. The write is sent again when there is no answer; whether it was stored the first time is found out by its id.
   *
   * @throws ConcurrencyError when the task moved on
   * @throws LogUnavailableError after `deadlineMs`; the write may have been stored
   */
  async append(ref: TaskRef, expected: number, event: TaskEvent, options: WriteOptions): Promise<Fact> {
    return this.#writer.append(ref, expected, event, options);
  }

  /**
   * Arms the timer of a wait, on the condition that it is still the task's last fact. A crash before this leaves a wait without a timer:
   * the redelivered ticket or the sweeper arms it.
   */
  arm(wait: Fact & { kind: 'scheduled' }, options: AppendOptions = {}): Promise<void> {
    return this.#writer.arm(wait, options);
  }

  /**
   * Reads a task, decides, appends; decides again on the new state when somebody else was faster.
   *
   * @returns the state before and the fact, or no fact when the wish was already true
   * @throws TaskRefusal when the state does not allow it
   * @throws ConcurrencyError after five lost races
   */
  change(
    ref: TaskRef | { task_id: string },
    command: Command,
    options: ChangeOptions,
  ): Promise<{ before: TaskState; fact?: Fact }> {
    return this.#changes.change(ref, command, options);
  }

  /** Makes the lane consumers of a queue that are not there. */
  async provisionQueue(queue: string, definedBy: string): Promise<Drift[]> {
    await this.buckets.queues.create(queue, { name: queue, defined_by: definedBy });
    const record = await this.buckets.queues.get(queue);
    const { lastSequence } = await this.admin.state();
    return provisionQueue(this.manager, queue, {
      // A stream that was made anew counts from 1 again: a consumer beyond its end would be silent until it gets there.
      startSequence: Math.min(record?.value.least_ticket ?? 1, lastSequence + 1),
      leaseSeconds: this.options.leaseSeconds ?? DEFAULT_LEASE_SECONDS,
      isPaused: record?.value.paused !== undefined,
    });
  }

  /** Pulls the tickets of queues until it is stopped. */
  pull(options: PullOptions): TicketPuller {
    const puller: TicketPuller = new TicketPuller(this.connection, this.#outbox, this.inbox, options, () =>
      this.#pullers.delete(puller),
    );
    this.#pullers.add(puller);
    return puller.start();
  }

  /** Follows a stream in order and without a gap until it is stopped. */
  follow(options: FollowOptions): Follower {
    return this.followers.follow(options);
  }

  /**
   * Asks a task or its worker for something; kept until it was answered by facts. Stored once, however often it has to be sent.
   * Resolves with the ask's sequence.
   */
  ask(ref: TaskRef, verb: AskVerb, body: object, options: AppendOptions = {}): Promise<number> {
    return this.#writer.note(streams.tasks.name, subjects.ask(ref, verb), body, options);
  }

  /**
   * Sends a signal to a task, and makes it ready if it waits for that one. Resolves with the sequence of the signal once that is stored:
   * should the wait not be ended for it, the sweeper ends it.
   */
  signal(ref: TaskRef, signal: { name: string; payload: Json }, options: WriteOptions): Promise<number> {
    return this.#signalling.send(ref, signal, options);
  }

  /**
   * Makes a wait ready whose signal came while it was being written.
   *
   * @param since a signal that came before it was looked for by the run itself: the sequence of its `started`
   * @returns the fact that made it ready; undefined when it waits for no signal that is there, or has moved on
   */
  releaseIfSignalled(wait: Fact, since: number, options?: WriteOptions): Promise<Fact | undefined> {
    return this.#signalling.releaseIfSignalled(wait, since, options);
  }

  /** Notes what an operator or a repair did, once. Resolves with its sequence. */
  note(noun: string, verb: string, body: object, options: AppendOptions = {}): Promise<number> {
    return this.#writer.note(streams.ops.name, subjects.op(noun, verb), body, options);
  }

  /**
   * Notes something in the chain of its noun: each note names the one before it by its hash, whatever its verb and whoever wrote it; see
   * `verifyChain`. Resolves with its sequence.
   */
  noteInChain(noun: string, verb: string, body: object, options: AppendOptions = {}): Promise<number> {
    const place = { subject: subjects.op(noun, verb), chain: subjects.opsOf(noun) };
    return this.#writer.link(streams.ops.name, place, body, options);
  }

  /** Tells how far a task is, live; never waits or fails, and may be lost. */
  reportProgress(ref: TaskRef, payload: string): void {
    if (this.connected) this.connection.publish(subjects.progress(ref), payload);
  }

  /** Keeps a line that a handler logged; never waits or fails, and may be lost. One that is too long is cut. */
  writeLine(ref: TaskRef, line: LogLine): void {
    if (this.connected) this.connection.publish(subjects.logs(ref), encodeLine(line));
  }

  /** Answers other workers that ask whether this one runs an attempt. */
  answerRuns(worker: string, runs: (attempt: RunRef) => boolean): void {
    answerRuns(this.connection, worker, runs);
  }

  /**
   * Whether a worker runs the attempt: undefined when it does not answer.
   *
   * @throws LogUnavailableError when the silence may be our own: the connection was away meanwhile
   */
  async askRuns(worker: string, attempt: RunRef, timeoutMs: number): Promise<boolean | undefined> {
    const { connectedAt } = this.#state;
    const answer = await askRuns(this.connection, worker, attempt, timeoutMs);
    if (answer === undefined && !(this.connected && connectedAt === this.#state.connectedAt))
      throw new LogUnavailableError('The connection was away while a worker was asked.');
    return answer;
  }

  /** Answers requests for a run of the clean-up; undefined leaves it to another process. */
  answerCleanups(run: (request: CleanupRequest) => Promise<CleanupAnswer> | undefined): void {
    answerCleanups(this.connection, run);
  }

  /** Has the scheduler clean up now. Undefined when none answers in time. */
  askCleanup(request: CleanupRequest, timeoutMs: number): Promise<CleanupAnswer | undefined> {
    return askCleanup(this.connection, request, timeoutMs);
  }

  /**
   * Calls back when something may have been written about a task. Only a hint: a refused write is seen too, and a hint may come before
   * the write can be read. The function ends it.
   */
  onHint(ref: TaskRef, hint: () => void): () => void {
    const subscription = listen(this.connection, subjects.factsOf(ref), hint);
    const unlisten = this.#state.on('reconnected', hint);
    return () => {
      subscription.unsubscribe();
      unlisten();
    };
  }

  /**
   * Calls back when the connection is lost, made again, or closed for good: by {@link close}, or because the broker refuses the login.
   * The function ends it.
   */
  on(event: ConnectionEvent, listener: () => void): () => void {
    return this.#state.on(event, listener);
  }

  /** Stops what runs here; writes that have no answer yet fail with LogUnavailableError. */
  async close(): Promise<void> {
    await Promise.all([...this.#pullers].map((puller) => puller.stop()));
    await this.followers.stop();
    this.#appender.stop();
    this.requests.stop();
    this.#outbox.flush();
    if (this.connected)
      await Promise.race([this.connection.flush(), sleep(FLUSH_AT_MOST_MS, undefined, { ref: false })]);
    await this.connection.close();
  }

  #reconnected(): void {
    this.#appender.reconnected();
    this.requests.reconnected();
    this.followers.resync();
    for (const puller of this.#pullers) puller.reset();
    // Only what is live stands there; whoever comes next tries again.
    const { replicas = 1 } = this.options;
    provisionMemoryStreams(this.manager, replicas).catch(() => undefined);
    makeMemoryBuckets(this.connection, replicas).catch(() => undefined);
  }

  #closed(): void {
    this.#appender.stop();
    this.requests.stop();
    this.inbox.stop();
  }
}
