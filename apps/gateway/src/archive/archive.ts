import { Inject, Injectable } from '@nestjs/common';
import type { Fact, HeldTask } from '@millrace/domain';
import {
  AlertQueries,
  BadCursorError,
  ExplainQueries,
  MetricsQueries,
  FailureQueries,
  ProjectionQueries,
  QueueQueries,
  TaskQueries,
  TotalQueries,
  exportFacts,
  TravelQueries,
  isDatabaseAway,
} from '@millrace/read-model';
import type {
  AlertFilter,
  Database,
  MetricSeries,
  MetricSteps,
  MetricTotals,
  MetricWindow,
  ExportFilter,
  ExportedFact,
  FailureCluster,
  FailureListOptions,
  PendingOptions,
  PendingPage,
  DecidableTask,
  EventRange,
  ProjectionProgress,
  PastListOptions,
  PastPage,
  PastStanding,
  ProjectionState,
  QueueDepth,
  QueueNumbers,
  RecentRates,
  RunningRow,
  SeriesOptions,
  SlowTask,
  Stay,
  StaySpan,
  TaskAttempt,
  TaskEventRow,
  TaskListOptions,
  TaskPage,
  TaskRow,
  TaskTotals,
} from '@millrace/read-model';
import { DATABASE } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';

/** After a failure Postgres is left alone for so long: requests that can do without it must not wait for it. */
const LEAVE_ALONE_MS = 1_000;
const RETRY_AFTER_SECONDS = 5;
const EVENTS_AT_ONCE = 1_000;

/** The read models in Postgres. Nothing here is needed to submit, run or end a task. */
@Injectable()
export class Archive {
  readonly #queries: TaskQueries;
  readonly #explain: ExplainQueries;
  readonly #queues: QueueQueries;
  readonly #metrics: MetricsQueries;
  readonly #alerts: AlertQueries;
  readonly #totals: TotalQueries;
  readonly #failures: FailureQueries;
  readonly #projections: ProjectionQueries;
  readonly #travel: TravelQueries;
  #isAway = false;
  #isProbing = false;
  #leftAloneUntil = 0;

  constructor(@Inject(DATABASE) private readonly database: Database) {
    this.#queries = new TaskQueries(database);
    this.#explain = new ExplainQueries(database);
    this.#queues = new QueueQueries(database);
    this.#metrics = new MetricsQueries(database);
    this.#alerts = new AlertQueries(database);
    this.#totals = new TotalQueries(database);
    this.#failures = new FailureQueries(database);
    this.#projections = new ProjectionQueries(database);
    this.#travel = new TravelQueries(database);
  }

  /** Whether Postgres answers and has its tables. */
  async isThere(): Promise<boolean> {
    try {
      return await this.database.isHealthy();
    } catch {
      return false;
    }
  }

  list(options: TaskListOptions): Promise<TaskPage> {
    return this.#ask(() => this.#queries.list(options));
  }

  /** The same of tasks that something is to be decided about. */
  listDecidable(options: TaskListOptions): Promise<TaskPage<DecidableTask>> {
    return this.#ask(() => this.#queries.listDecidable(options));
  }

  projection(): Promise<ProjectionState> {
    return this.#ask(() => this.#queries.projection());
  }

  /** How far each is. */
  projections(): Promise<ProjectionProgress[]> {
    return this.#ask(() => this.#projections.all());
  }

  /** The row of a task; undefined when the archive has none. */
  find(taskId: string): Promise<TaskRow | undefined> {
    return this.#ask(() => this.#queries.get(taskId));
  }

  /** The same for those who can do without: also undefined while Postgres is away. */
  async findIfThere(taskId: string): Promise<TaskRow | undefined> {
    try {
      return await this.find(taskId);
    } catch (error) {
      if (error instanceof ProblemError) return undefined;
      throw error;
    }
  }

  /** The row of a task as it was at a moment; undefined when it did not exist then. */
  pastTask(taskId: string, at: string): Promise<TaskRow | undefined> {
    return this.#ask(() => this.#travel.task(taskId, at));
  }

  /** One page of the tasks as they were at a moment. */
  pastList(at: string, options: PastListOptions): Promise<PastPage> {
    return this.#ask(() => this.#travel.list(at, options));
  }

  /** All measures up to a moment, by queue and name. */
  pastStanding(at: string): Promise<PastStanding> {
    return this.#ask(() => this.#travel.standing(at));
  }

  /** Ids of the tasks that branched from a task, in the order of their submission. With a time, those that were submitted until then. */
  branches(taskId: string, until?: string): Promise<string[]> {
    return this.#ask(() => this.#queries.branches(taskId, until));
  }

  attempts(taskId: string): Promise<TaskAttempt[]> {
    return this.#ask(() => this.#queries.attempts(taskId));
  }

  /** Place in the queue, 0 is next; null when unknown or in no lane. */
  async position(taskId: string): Promise<number | null> {
    return (await this.ahead(taskId)) ?? null;
  }

  /** Tasks that run before it; null when they are too many to count, undefined when it is in no lane as far as the archive knows. */
  ahead(taskId: string): Promise<number | null | undefined> {
    return this.#ask(() => this.#queries.position(taskId));
  }

  /** Tasks that wait for a slot before it; null when they are too many to count. */
  heldAhead(task: HeldTask): Promise<number | null> {
    return this.#ask(() => this.#explain.heldAhead(task));
  }

  /** The first thousand tasks of a queue that run. */
  running(queue: string): Promise<RunningRow[]> {
    return this.#ask(() => this.#explain.running(queue));
  }

  /** The newest archived transitions of a task below a sequence, in order, without the reports of its attempts. */
  transitionsBelow(taskId: string, below: number, limit: number): Promise<Fact[]> {
    return this.#ask(() => this.#explain.transitionsBelow(taskId, below, limit));
  }

  /** In the order of the names. */
  queueNumbers(queues: readonly string[]): Promise<QueueNumbers[]> {
    return this.#ask(() => this.#queues.numbers(queues));
  }

  queueRates(): Promise<RecentRates> {
    return this.#ask(() => this.#queues.rates());
  }

  queueDepth(queue: string, atMost: number): Promise<QueueDepth> {
    return this.#ask(() => this.#queues.depth(queue, atMost));
  }

  /** What happened in a window; without one, in all. */
  metrics(window?: MetricWindow): Promise<MetricTotals> {
    return this.#ask(() => this.#metrics.totals(window));
  }

  /** What happened, by intervals. */
  metricSeries(options: SeriesOptions): Promise<MetricSeries> {
    return this.#ask(() => this.#metrics.series(options));
  }

  /** Attempts that began before a time and still run, the longest first. */
  longRuns(startedBefore: Date, now: Date, filter: AlertFilter): Promise<SlowTask[]> {
    return this.#ask(() => this.#alerts.longRuns(startedBefore, now, filter));
  }

  pending(queue: string, options: PendingOptions): Promise<PendingPage> {
    return this.#ask(() => this.#queues.pending(queue, options));
  }

  /** The archived fact of a sequence; undefined when the archive has none. */
  async factAt(sequence: number): Promise<Fact | undefined> {
    const row = await this.#ask(() => this.#queries.event(sequence));
    return row && factOf(row);
  }

  /** What alert rules ask of the past, by intervals. */
  metricSteps(options: SeriesOptions): Promise<MetricSteps> {
    return this.#ask(() => this.#metrics.steps(options));
  }

  /** The attempts of the past that lasted; undefined when there are too many facts. */
  pastRuns(span: StaySpan, filter: AlertFilter): Promise<Stay[] | undefined> {
    return this.#ask(() => this.#alerts.pastRuns(span, filter));
  }

  /** The waits of the past that lasted; undefined when there are too many facts. */
  pastWaits(span: StaySpan, filter: AlertFilter): Promise<Stay[] | undefined> {
    return this.#ask(() => this.#alerts.pastWaits(span, filter));
  }

  /** What has ever happened, by queue and task name. */
  taskTotals(): Promise<TaskTotals[]> {
    return this.#ask(() => this.#totals.totals());
  }

  /** Archived facts of all tasks between two sequences, in order. */
  async eventsBetween(range: EventRange): Promise<Fact[]> {
    return (await this.#ask(() => this.#queries.eventsBetween(range))).map(factOf);
  }

  /** The sequence of the oldest archived fact; undefined without any. */
  oldestEvent(): Promise<number | undefined> {
    return this.#ask(() => this.#queries.oldestEvent());
  }

  /** Failures by kind, the newest first; one more than asked for tells that there are more. */
  failures(options: FailureListOptions): Promise<FailureCluster[]> {
    return this.#ask(() => this.#failures.clusters(options));
  }

  /** The facts of a span of time, page by page, as they are asked for. */
  async *exportFacts(filter: ExportFilter): AsyncGenerator<ExportedFact[]> {
    const pages = exportFacts(this.database, filter);
    for (;;) {
      const page = await this.#ask(() => pages.next());
      if (page.done) return;
      yield page.value;
    }
  }

  /** All archived facts of a task, in order; only those after a sequence, if one is said. */
  async events(taskId: string, afterSequence = 0): Promise<Fact[]> {
    const facts: Fact[] = [];
    for (;;) {
      const after = facts.at(-1)?.sequence ?? afterSequence;
      const rows = await this.#ask(() => this.#queries.events(taskId, { after, limit: EVENTS_AT_ONCE }));
      facts.push(...rows.map(factOf));
      if (rows.length < EVENTS_AT_ONCE) return facts;
    }
  }

  /** Any question to the read models, asked like all others. */
  ask<T>(question: (database: Database) => Promise<T>): Promise<T> {
    return this.#ask(() => question(this.database));
  }

  /**
   * While Postgres is away one request in a second looks whether it is back; all others are answered at once.
   *
   * @throws ProblemError `archive/unavailable` when Postgres cannot answer now
   */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    if (this.#isAway && (this.#isProbing || performance.now() < this.#leftAloneUntil)) throw away();
    this.#isProbing = this.#isAway;
    try {
      const answer = await question();
      this.#isAway = false;
      return answer;
    } catch (error) {
      throw this.#problemOf(error);
    } finally {
      this.#isProbing = false;
    }
  }

  #problemOf(error: unknown): unknown {
    if (error instanceof BadCursorError)
      return new ProblemError('request/invalid', error.message, {
        errors: [{ path: 'cursor', message: error.message }],
      });
    if (!isDatabaseAway(error)) return error;
    this.#isAway = true;
    this.#leftAloneUntil = performance.now() + LEAVE_ALONE_MS;
    return away(error);
  }
}

const away = (cause?: unknown): ProblemError =>
  new ProblemError(
    'archive/unavailable',
    'Postgres is away: lists, numbers of queues and tasks that have left the log cannot be read. Submitting, running and the status of live tasks go on.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
    { cause },
  );

const factOf = ({ event_id, ...row }: TaskEventRow): Fact => ({ ...row, id: event_id }) as unknown as Fact;
