import { availableParallelism } from 'node:os';
import { DEFAULT_LEASE_SECONDS, TaskLog } from '@millrace/log';
import type { Follower, TicketPuller } from '@millrace/log';
import { ConfigError, DEFAULT_TEMP_DIR } from '@millrace/runtime';
import type { Telemetry } from '@millrace/runtime';
import { WorkerStoppingError } from './errors.js';
import { BlockedLoopWatch } from './execution/blocked-loop.js';
import { Claimer, QUIET_AFTER_CONNECT_MS } from './execution/claimer.js';
import { Executor } from './execution/executor.js';
import { followInterruptions } from './execution/interruptions.js';
import { LeaseKeeper } from './execution/lease-keeper.js';
import { RunningAttempts } from './execution/running-attempts.js';
import { Slots } from './execution/slots.js';
import { TempDirs } from './execution/temp-dirs.js';
import { TicketPipeline } from './execution/ticket-pipeline.js';
import { enforceTimeLimits } from './execution/time-limits.js';
import type { Handler } from './handlers/handler.js';
import { register } from './handlers/registration.js';
import { Repertoire } from './handlers/repertoire.js';
import { PoolOnDemand } from './isolation/pool-on-demand.js';
import { AttemptDurations } from './attempt-durations.js';
import { AttemptLog } from './attempt-log.js';
import { tellWhenEmpty } from './burst.js';
import { KnownLimits } from './known-limits.js';
import { lapse } from './lapse.js';
import { LineSink } from './logs.js';
import { showPresence } from './presence.js';
import type { Presence } from './presence.js';
import { PausedQueues } from './paused-queues.js';
import { UnhandledTickets } from './unhandled-tickets.js';
import { newWorkerId } from './worker-id.js';
import type { WorkerOptions } from './worker-options.js';

const HEARTBEAT_MS = 250;
/** Time for handlers to react to the signal when the grace of a drain is over. */
const LAST_WORDS_MS = 1_000;
/** A broker that is away must not hold up the stop. */
const WITHDRAW_WITHIN_MS = 1_000;

/** What every beat of a started worker looks after. */
interface Beating {
  log: TaskLog;
  slots: Slots;
  tickets: TicketPipeline;
  leases: LeaseKeeper;
  blocked: BlockedLoopWatch;
}

/** One worker process: pulls tickets, runs handlers, records what happens. Safe to stop before start and twice. */
export class TaskWorker {
  /** A new id at each start: whoever asks for a dead process gets no answer. */
  readonly id: string;
  readonly #options: WorkerOptions;
  readonly #concurrency: number;
  readonly #repertoire: Repertoire;
  readonly #unhandled: UnhandledTickets;
  readonly #attempts: AttemptLog;
  readonly #running = new RunningAttempts();
  readonly #isStopping = (): boolean => this.#stopping;
  #stopping = false;
  #log: TaskLog | undefined;
  #processes: PoolOnDemand | undefined;
  #slots: Slots | undefined;
  #puller: TicketPuller | undefined;
  #interruptions: Follower | undefined;
  #paused: PausedQueues | undefined;
  #limits: KnownLimits | undefined;
  #presence: Presence | undefined;
  #lines: LineSink | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(handlers: ReadonlyMap<string, Handler>, options: WorkerOptions) {
    this.#options = options;
    this.id = newWorkerId(options.name);
    this.#concurrency = options.concurrency ?? availableParallelism();
    this.#repertoire = new Repertoire(handlers, options.labels);
    this.#unhandled = new UnhandledTickets(options, this.#repertoire);
    const durations = options.telemetry && new AttemptDurations();
    this.#attempts = new AttemptLog(options.logger, durations);
    if (durations) this.#tellOfItself(options.telemetry, durations);
  }

  /** Handlers running now. */
  get running(): number {
    return this.#running.executions.size;
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
    log.answerRuns(this.id, (attempt) => this.#running.includes(attempt));
    this.#interruptions = await followInterruptions(log, queues, (task) => this.#running.of(task), logger);
    this.#paused = await PausedQueues.follow(log, queues, () => this.#puller?.pullAnew(), logger);
    const limits = (this.#limits = await KnownLimits.watch(log));
    this.#work(log, queues, limits);
    const { names, unsuited } = this.#repertoire;
    logger.info(
      { worker: this.id, queues, handlers: names, concurrency: this.#concurrency },
      'Worker started',
    );
    for (const handler of unsuited)
      logger.warn(handler, 'A handler is left to workers that have the labels it requires');
    this.#show(log, queues);
  }

  /**
   * Takes no more tickets, gives running handlers their grace, hands back what has not ended by then.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#presence?.show();
    await this.#puller?.stop();
    this.#slots?.giveBack();
    await Promise.race([this.#slots?.idle(), lapse((this.#options.drainSeconds ?? 10) * 1000)]);
    const stopping = new WorkerStoppingError('The worker stops; the task goes on elsewhere.');
    this.#running.abort(stopping);
    if (this.running > 0) await Promise.race([this.#slots?.idle(), lapse(LAST_WORDS_MS)]);
    this.#running.interrupt(stopping);
    await Promise.race([this.#slots?.idle(), lapse(LAST_WORDS_MS)]);
    clearInterval(this.#heartbeat);
    await this.#processes?.stop();
    this.#limits?.stop();
    await this.#interruptions?.stop();
    await this.#paused?.stop();
    this.#lines?.close();
    await Promise.race([this.#presence?.withdraw(), lapse(WITHDRAW_WITHIN_MS)]);
    await this.#log?.close();
  }

  #tellOfItself(telemetry: Telemetry | undefined, durations: AttemptDurations): void {
    telemetry?.add('millrace_log_connected', () => [{ value: Number(this.#log?.connected ?? false) }]);
    telemetry?.add('millrace_worker_slots', () => [{ value: this.#concurrency }]);
    telemetry?.add('millrace_worker_running', () => [{ value: this.running }]);
    telemetry?.addDurations('millrace_task_duration_seconds', () => durations.read());
  }

  /** Pulls tickets and begins to beat. */
  #work(log: TaskLog, queues: string[], limits: KnownLimits): void {
    const { logger, quietMs, leaseSeconds = DEFAULT_LEASE_SECONDS } = this.#options;
    const claimer = new Claimer({
      log,
      worker: this.id,
      actor: `worker:${this.id}`,
      isMine: (token) => this.#running.executions.has(token),
      isLimited: (queue, key) => limits.applyTo(queue, key),
      ...(quietMs !== undefined && { quietMs }),
    });
    this.#lines = new LineSink(log, this.id);
    this.#processes = PoolOnDemand.of(this.#repertoire.all(), this.#concurrency, this.#options);
    const executor = new Executor(
      log,
      logger,
      this.#attempts,
      this.#lines,
      this.#processes,
      new TempDirs(this.#options.tempDir ?? DEFAULT_TEMP_DIR),
    );
    const tickets = new TicketPipeline({
      claimer,
      executor,
      running: this.#running,
      repertoire: this.#repertoire,
      unhandled: this.#unhandled,
      attempts: this.#attempts,
      isStopping: this.#isStopping,
      logger,
    });
    const slots = new Slots({
      count: this.#concurrency,
      prefetch: this.#options.prefetch ?? 0,
      tickets,
      isStopping: this.#isStopping,
      onFree: () => this.#puller?.wake(),
      logger,
    });
    this.#slots = slots;
    this.#puller = log.pull({
      queues,
      free: () => slots.free,
      isPaused: (queue) => this.#paused?.has(queue) ?? false,
      onTicket: (ticket) => {
        slots.receive(ticket);
      },
    });
    const leaseMs = leaseSeconds * 1000;
    const leases = new LeaseKeeper(log, executor, leaseMs);
    const blocked = new BlockedLoopWatch(leaseMs, logger);
    const beating = { log, slots, tickets, leases, blocked };
    this.#heartbeat = setInterval(() => {
      this.#beat(beating);
    }, HEARTBEAT_MS);
  }

  /** Keeps leases, flushes progress, ends what has run too long, looks again at what came too early. */
  #beat({ log, slots, tickets, leases, blocked }: Beating): void {
    const now = performance.now();
    const { executions } = this.#running;
    blocked.beat(now, executions.values());
    leases.beat(now, slots.holdings, executions.values());
    for (const execution of executions.values()) {
      execution.reporter?.flush(now);
      enforceTimeLimits(execution.attempt, now, this.#options.logger);
    }
    if (
      tickets.hasDeferred &&
      log.connectedForMs > (this.#options.quietMs ?? QUIET_AFTER_CONNECT_MS) + HEARTBEAT_MS
    )
      for (const ticket of tickets.takeDeferred()) slots.receiveAgain(ticket);
  }

  /** Shows the worker, and tells when there is nothing left for it to do. */
  #show(log: TaskLog, queues: string[]): void {
    const isStopping = this.#isStopping;
    this.#presence = showPresence(log, this.#options, {
      worker_id: this.id,
      queues,
      repertoire: this.#repertoire,
      slots: this.#concurrency,
      executions: this.#running.executions,
      attempts: this.#attempts,
      isStopping,
    });
    const isIdle = (): boolean => this.#slots?.isIdle ?? true;
    tellWhenEmpty(log, this.#options, { queues, unhandled: this.#unhandled, isIdle, isStopping });
  }
}
