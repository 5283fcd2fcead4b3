import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadBodyError, DEFAULT_LEASE_SECONDS, TaskLog } from '@millrace/log';
import type { Follower, Ticket, TicketPuller } from '@millrace/log';
import { ConfigError } from '@millrace/runtime';
import { WorkerStoppingError } from './errors.js';
import type { Attempt, Holding } from './execution/attempt.js';
import { BlockedLoopWatch } from './execution/blocked-loop.js';
import { Claimer, readTicket } from './execution/claimer.js';
import type { Promised } from './execution/claimer.js';
import { Executor } from './execution/executor.js';
import type { Execution } from './execution/executor.js';
import { followInterruptions } from './execution/interruptions.js';
import { LeaseKeeper } from './execution/lease-keeper.js';
import { register } from './handlers/registration.js';
import { Repertoire } from './handlers/repertoire.js';
import { enforceTimeLimits } from './execution/time-limits.js';
import { isIsolated } from './handlers/handler.js';
import type { Handler } from './handlers/handler.js';
import { ProcessPool } from './isolation/process-pool.js';
import { AttemptLog } from './attempt-log.js';
import { tellWhenEmpty } from './burst.js';
import { LineSink } from './logs.js';
import { showPresence } from './presence.js';
import type { Presence } from './presence.js';
import { UnhandledTickets } from './unhandled-tickets.js';
import { newWorkerId } from './worker-id.js';
import type { WorkerOptions } from './worker-options.js';

const HEARTBEAT_MS = 250;
/** Tickets that came too early for a takeover and are looked at again; more are left to the server. */
const DEFERRED_AT_MOST = 10_000;
/** A handler whose attempt was interrupted keeps its slot so long at most: it may ignore its signal. */
const ABANDON_AFTER_MS = 10_000;
/** Processes for tasks at their last chance, where no handler asks for one. */
const LAST_CHANCES_PER_CORE = 2;
/** Time for handlers to react to the signal when the grace of a drain is over. */
const LAST_WORDS_MS = 1_000;
/** A broker that is away must not hold up the stop. */
const WITHDRAW_WITHIN_MS = 1_000;

/** One worker process: pulls tickets, runs handlers, records what happens. Safe to stop before start and twice. */
export class TaskWorker {
  /** A new id at each start: whoever asks for a dead process gets no answer. */
  readonly id: string;
  readonly #options: WorkerOptions;
  readonly #capacity: number;
  readonly #concurrency: number;
  readonly #holdings = new Map<number, Holding>();
  readonly #executions = new Map<number, Execution>();
  readonly #attemptsById = new Map<string, Attempt>();
  readonly #claiming = new Set<number>();
  readonly #buffer: Holding[] = [];
  readonly #inHand = new Set<Promise<void>>();
  readonly #repertoire: Repertoire;
  readonly #unhandled: UnhandledTickets;
  readonly #attempts: AttemptLog;
  #deferred: Ticket[] = [];
  #slots = 0;
  #stopping = false;
  #log: TaskLog | undefined;
  #pool: ProcessPool | undefined;
  #puller: TicketPuller | undefined;
  #interruptions: Follower | undefined;
  #presence: Presence | undefined;
  #lines: LineSink | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(handlers: ReadonlyMap<string, Handler>, options: WorkerOptions) {
    this.#options = options;
    this.id = newWorkerId(options.name);
    this.#concurrency = options.concurrency ?? availableParallelism();
    this.#capacity = this.#concurrency + (options.prefetch ?? 0);
    this.#repertoire = new Repertoire(handlers, options.labels);
    this.#unhandled = new UnhandledTickets(options, this.#repertoire);
    this.#attempts = new AttemptLog(options.logger);
  }

  /** Handlers running now. */
  get running(): number {
    return this.#executions.size;
  }

  async start(): Promise<void> {
    const { logger, natsUrl, leaseSeconds, queues = this.#repertoire.queues } = this.#options;
    if (queues.length === 0)
      throw new ConfigError(['There is nothing to serve: no queue was named, and no handler here may run.']);
    const log = await TaskLog.open({
      url: natsUrl,
      name: `worker ${this.id}`,
      ...(leaseSeconds !== undefined && { leaseSeconds }),
    });
    this.#log = log;
    const drifts = await register(log, this.#repertoire.all(), queues, this.#options);
    for (const drift of [...log.drifts, ...drifts])
      logger.warn(drift, 'The broker is set up differently from what this version expects');
    // A claim under way counts: its answer may be lost while the fact is in the log.
    log.answerRuns(this.id, ({ token, ticket }) => this.#executions.has(token) || this.#claiming.has(ticket));
    this.#interruptions = await followInterruptions(
      log,
      queues,
      (task) => this.#attemptsById.get(keyOf(task)),
      logger,
    );
    const actor = `worker:${this.id}`;
    const claimer = new Claimer({
      log,
      worker: this.id,
      actor,
      isMine: (token) => this.#executions.has(token),
      ...(this.#options.quietMs !== undefined && { quietMs: this.#options.quietMs }),
    });
    this.#lines = new LineSink(log, this.id);
    const executor = new Executor(log, logger, this.#attempts, this.#lines, this.#processPool());
    this.#puller = log.pull({
      queues,
      free: () => (this.#stopping ? 0 : this.#capacity - this.#slots - this.#buffer.length),
      onTicket: (ticket) => {
        this.#received(ticket, claimer, executor);
      },
    });
    const leaseMs = (leaseSeconds ?? DEFAULT_LEASE_SECONDS) * 1000;
    const leases = new LeaseKeeper(log, executor, leaseMs);
    const blocked = new BlockedLoopWatch(leaseMs, logger);
    this.#heartbeat = setInterval(() => {
      this.#beat(claimer, executor, leases, blocked);
    }, HEARTBEAT_MS);
    const { names, unsuited } = this.#repertoire;
    logger.info(
      { worker: this.id, queues, handlers: names, concurrency: this.#concurrency },
      'Worker started',
    );
    for (const handler of unsuited)
      logger.warn(handler, 'A handler is left to workers that have the labels it requires');
    const isStopping = (): boolean => this.#stopping;
    this.#presence = showPresence(log, this.#options, {
      worker_id: this.id,
      queues,
      repertoire: this.#repertoire,
      slots: this.#concurrency,
      executions: this.#executions,
      attempts: this.#attempts,
      isStopping,
    });
    const isIdle = (): boolean => this.#inHand.size === 0;
    tellWhenEmpty(log, this.#options, { queues, unhandled: this.#unhandled, isIdle, isStopping });
  }

  /**
   * Takes no more tickets, gives running handlers their grace, hands back what has not ended by then.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#presence?.show();
    await this.#puller?.stop();
    for (const holding of this.#buffer.splice(0)) this.#giveBack(holding);
    await Promise.race([this.#idle(), lapse((this.#options.drainSeconds ?? 10) * 1000)]);
    const stopping = new WorkerStoppingError('The worker stops; the task goes on elsewhere.');
    for (const { attempt } of this.#executions.values()) attempt.abort(stopping);
    if (this.#executions.size > 0) await Promise.race([this.#idle(), lapse(LAST_WORDS_MS)]);
    for (const { attempt } of this.#executions.values()) attempt.interrupt(stopping);
    await Promise.race([this.#idle(), lapse(LAST_WORDS_MS)]);
    clearInterval(this.#heartbeat);
    await this.#pool?.stop();
    await this.#interruptions?.stop();
    this.#lines?.close();
    await Promise.race([this.#presence?.withdraw(), lapse(WITHDRAW_WITHIN_MS)]);
    await this.#log?.close();
  }

  /** @throws Error when a handler wants a process and none can be started */
  #processPool(): (() => ProcessPool) | undefined {
    const { handlerProgram: entry, maxTasksPerChild, maxMemoryPerChildBytes, logger } = this.#options;
    if (!entry) {
      const wanting = [...this.#repertoire.all()].find(isIsolated);
      if (wanting)
        throw new Error(`The handler ${wanting.name} is to be isolated, but there is no handlerProgram.`);
      return undefined;
    }
    return () =>
      (this.#pool ??= new ProcessPool({
        entry,
        size: this.#processes(),
        logger,
        ...(maxTasksPerChild !== undefined && { maxTasksPerChild }),
        ...(maxMemoryPerChildBytes !== undefined && { maxMemoryBytes: maxMemoryPerChildBytes }),
      }));
  }

  /** Tasks at their last chance may come by the dozen, when a worker has died: they need not start a process each. */
  #processes(): number {
    const wants = [...this.#repertoire.all()].some(isIsolated);
    return wants
      ? this.#concurrency
      : Math.min(this.#concurrency, LAST_CHANCES_PER_CORE * availableParallelism());
  }

  async #idle(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.allSettled(this.#inHand);
  }

  #received(ticket: Ticket, claimer: Claimer, executor: Executor): void {
    const known = this.#holdings.get(ticket.sequence);
    if (known) {
      // Delivered again while it is in hand: the newer handle is the one to acknowledge.
      known.ticket = ticket;
      return;
    }
    const holding: Holding = { ticket };
    this.#holdings.set(ticket.sequence, holding);
    if (this.#slots >= this.#concurrency) this.#buffer.push(holding);
    else this.#take(holding, claimer, executor);
  }

  #take(holding: Holding, claimer: Claimer, executor: Executor): void {
    this.#slots++;
    const done = this.#handle(holding, claimer, executor)
      .catch((error: unknown) => {
        this.#options.logger.error(
          { err: error, task_id: holding.ticket.task_id, sequence: holding.ticket.sequence },
          'A ticket could not be handled',
        );
      })
      .finally(() => {
        this.#inHand.delete(done);
        this.#holdings.delete(holding.ticket.sequence);
        this.#slots--;
        const next = this.#stopping ? undefined : this.#buffer.shift();
        if (next) this.#take(next, claimer, executor);
        this.#puller?.wake();
      });
    this.#inHand.add(done);
  }

  async #handle(holding: Holding, claimer: Claimer, executor: Executor): Promise<void> {
    const { ticket } = holding;
    const promise = this.#read(ticket);
    if (!promise) {
      ticket.ack();
      return;
    }
    const { name } = promise.state.spec;
    const handler = this.#repertoire.find(name);
    if (!handler) {
      this.#unhandled.giveBack(ticket, name);
      return;
    }
    this.#claiming.add(ticket.sequence);
    const claim = await claimer.claim(holding, promise).finally(() => this.#claiming.delete(ticket.sequence));
    switch (claim.outcome) {
      case 'void':
        holding.ticket.ack();
        return;
      case 'left':
        return;
      case 'too-early':
        if (this.#deferred.length < DEFERRED_AT_MOST) this.#deferred.push(holding.ticket);
        return;
      case 'running':
        await this.#run(claim.attempt, handler, executor);
    }
  }

  async #run(attempt: Attempt, handler: Handler, executor: Executor): Promise<void> {
    const key = keyOf({ queue: attempt.state.queue, task_id: attempt.state.id });
    this.#attemptsById.set(key, attempt);
    this.#attempts.started(attempt);
    let execution: Execution | undefined;
    try {
      await executor.execute(attempt, handler, (started) => {
        execution = started;
        this.#executions.set(attempt.token, started);
      });
    } finally {
      this.#executions.delete(attempt.token);
      if (this.#attemptsById.get(key) === attempt) this.#attemptsById.delete(key);
      // The ticket is settled; no heartbeat may touch it while a deaf handler runs on.
      this.#holdings.delete(attempt.holding.ticket.sequence);
    }
    if (attempt.interruption && execution && !this.#stopping)
      await Promise.race([execution.handlerSettled, lapse(ABANDON_AFTER_MS)]);
  }

  /** Undefined when the ticket is unreadable: no worker could ever run it. */
  #read(ticket: Ticket): Promised | undefined {
    try {
      return readTicket(ticket);
    } catch (error) {
      if (!(error instanceof BadBodyError)) throw error;
      this.#options.logger.error({ err: error, sequence: ticket.sequence }, 'Ticket dropped');
      return undefined;
    }
  }

  #giveBack(holding: Holding): void {
    this.#holdings.delete(holding.ticket.sequence);
    holding.ticket.nak();
  }

  /** Keeps leases, flushes progress, ends what has run too long, looks again at what came too early. */
  #beat(claimer: Claimer, executor: Executor, leases: LeaseKeeper, blocked: BlockedLoopWatch): void {
    const now = performance.now();
    blocked.beat(now, this.#executions.values());
    leases.beat(now, this.#holdings, this.#executions.values());
    for (const execution of this.#executions.values()) {
      execution.reporter?.flush(now);
      enforceTimeLimits(execution.attempt, now, this.#options.logger);
    }
    if (this.#deferred.length === 0) return;
    if (this.#log && this.#log.connectedForMs > (this.#options.quietMs ?? 10_000) + HEARTBEAT_MS) {
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const ticket of deferred)
        if (!this.#stopping && this.#slots < this.#concurrency) this.#received(ticket, claimer, executor);
    }
  }
}

const keyOf = (place: { queue: string; task_id: string }): string => `${place.queue}.${place.task_id}`;

/** A limit to something awaited; keeps no process alive once that has come. */
const lapse = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });
