import type { Database } from '../database/database.js';
import { PROJECTION_LAG } from '../projections/projection-lag.js';
import type { TaskEventRow } from '../task-events/task-event.entity.js';
import { REPORTS, attemptsOf } from '../task-events/attempts.js';
import type { TaskAttempt } from '../task-events/attempts.js';
import { parsedEvent } from '../task-events/archived-fact.js';
import { factsOfTask } from '../task-events/task-facts.js';
import { prepareSearch } from '../search/task-search.js';
import { ALL_COLUMNS, DECISION_COLUMNS, SUMMARY_COLUMNS, parsedRow } from './task.columns.js';
import type { StoredRow } from './task.columns.js';
import type { TaskRow, TaskSummary } from './task.entity.js';
import { pageRows } from './page-rows.js';
import { cursorAfter } from './task-list.js';
import type { TaskListOptions } from './task-list.js';
import { searchRows } from './search-page.js';

export interface TaskPage<Row extends TaskSummary = TaskSummary> {
  items: Row[];
  /** Null after the last page. */
  next_cursor: string | null;
}

/** Which facts of the archive are wanted. */
export interface EventRange {
  /** Exclusive. */
  after: number;
  /** Exclusive. */
  before: number;
  /** Defaults to all. */
  queue?: string;
  /** Defaults to all. */
  kinds?: readonly string[];
  limit: number;
}

/** A task as {@link stateOf} takes it. */
export type DecidableTask = Omit<TaskRow, 'result'>;

/** How far the read models are. */
export interface ProjectionState {
  /** Every fact up to this sequence is in the tables; 0 before the first. */
  sequence: number;
  /** How far they are behind the log, in milliseconds; null while no projector has ever run. */
  lag_ms: number | null;
  /** Messages of the log that were not in the tables at the projector's last look. */
  lag_messages: number;
  /** Messages passed over because nothing could be made of them. */
  ignored: number;
}

/** Positions are counted up to here. */
export const POSITION_LIMIT = 1000;
const BRANCHES_AT_MOST = 100;
const DEFAULT_EVENTS = 1000;
const ALL_FACTS = 1_000_000;

/** What the gateway reads of tasks. It lags behind the log by as much as {@link TaskQueries.projection} says; nothing is decided on it. */
export class TaskQueries {
  constructor(private readonly database: Database) {}

  /**
   * One page of tasks, without parameters and results.
   *
   * @throws BadCursorError
   */
  list(options: TaskListOptions): Promise<TaskPage> {
    return this.#page<TaskSummary>(SUMMARY_COLUMNS, options);
  }

  /**
   * The same of tasks that something is to be decided about: with parameters that are short enough to be copied from fact to fact. Longer
   * ones are left out, as facts name them only.
   *
   * @throws BadCursorError
   */
  listDecidable(options: TaskListOptions): Promise<TaskPage<DecidableTask>> {
    return this.#page<DecidableTask>(DECISION_COLUMNS, options);
  }

  async #page<Row extends TaskSummary>(columns: string, options: TaskListOptions): Promise<TaskPage<Row>> {
    const search = await prepareSearch(this.database, options);
    const stored = search
      ? await searchRows<StoredRow<Row>>(this.database, columns, options, search)
      : await pageRows<StoredRow<Row>>(this.database, columns, options);
    const items = stored.slice(0, options.limit).map((row) => parsedRow<Row>(row));
    const last = items.at(-1);
    return {
      items,
      next_cursor: stored.length > options.limit && last ? cursorAfter(last, options.sort) : null,
    };
  }

  /** The whole row of a task; undefined when no task has this id. */
  async get(id: string): Promise<TaskRow | undefined> {
    const [stored] = await this.database.rows<StoredRow<TaskRow>>(
      `SELECT ${ALL_COLUMNS} FROM tasks WHERE id = $1`,
      [id],
    );
    return stored && parsedRow<TaskRow>(stored);
  }

  /** The facts of a task in the order of the log, from the archive. */
  async events(id: string, options: { after?: number; limit?: number } = {}): Promise<TaskEventRow[]> {
    return factsOfTask(this.database, id, { limit: DEFAULT_EVENTS, ...options });
  }

  /** Facts of all tasks between two sequences (exclusive), in the order of the log, from the archive. */
  async eventsBetween({ after, before, queue, kinds, limit }: EventRange): Promise<TaskEventRow[]> {
    const stored = await this.database.rows<StoredRow<TaskEventRow>>(
      `SELECT * FROM task_events
       WHERE sequence > $1 AND sequence < $2 AND ($3::text IS NULL OR queue = $3)
         AND ($4::text[] IS NULL OR kind = ANY ($4::text[]))
       ORDER BY sequence LIMIT $5`,
      [after, before, queue ?? null, kinds ?? null, limit],
    );
    return stored.map(parsedEvent);
  }

  /** The sequence of the oldest fact that the archive still has; undefined while it has none. */
  async oldestEvent(): Promise<number | undefined> {
    const [row] = await this.database.rows<{ oldest: number | null }>(
      'SELECT min(sequence) AS oldest FROM task_events',
    );
    return row?.oldest ?? undefined;
  }

  /** The archived fact of a sequence; undefined when the archive has none. */
  async event(sequence: number): Promise<TaskEventRow | undefined> {
    const [stored] = await this.database.rows<StoredRow<TaskEventRow>>(
      'SELECT * FROM task_events WHERE sequence = $1',
      [sequence],
    );
    return stored && parsedEvent(stored);
  }

  /** The attempts of a task, the first one first; also those before a redrive. */
  async attempts(id: string): Promise<TaskAttempt[]> {
    return attemptsOf(await factsOfTask(this.database, id, { without: REPORTS, limit: ALL_FACTS }));
  }

  /** Ids of the tasks that branched from a task, in the order of their submission, up to a time; the first {@link BRANCHES_AT_MOST}. */
  async branches(id: string, until = 'infinity'): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT id FROM tasks WHERE branched_from IS NOT NULL AND branched_from ->> 'task_id' = $1
         AND submitted_at <= $2::timestamptz
       ORDER BY submitted_at, id LIMIT ${BRANCHES_AT_MOST}`,
      [id, until],
    );
    return rows.map((row) => row.id);
  }

  /**
   * How many tasks wait in its queue that run before it; 0 is next. Undefined when the task waits in no lane (it runs, has ended, is held,
   * paused, or waits for a time), null beyond {@link POSITION_LIMIT}.
   */
  async position(id: string): Promise<number | null | undefined> {
    const [row] = await this.database.rows<{ ahead: number }>(
      `SELECT (
         SELECT count(*) FROM (
           SELECT 1 FROM tasks AS other
           WHERE other.queue = task.queue AND other.turn IS NOT NULL
             AND (other.lane_rank, other.turn) < (task.lane_rank, task.turn)
           LIMIT ${POSITION_LIMIT + 1}
         ) AS ahead
       ) AS ahead
       FROM tasks AS task WHERE task.id = $1 AND task.turn IS NOT NULL`,
      [id],
    );
    if (!row) return undefined;
    return row.ahead > POSITION_LIMIT ? null : row.ahead;
  }

  /** How far the tables are, and how far behind. The lag grows while the projector is silent. */
  async projection(): Promise<ProjectionState> {
    const [state] = await this.database.rows<ProjectionState>(
      `SELECT sequence, ignored, lag_messages, ${PROJECTION_LAG} AS lag_ms
       FROM projections WHERE name = 'tasks'`,
    );
    return state ?? { sequence: 0, ignored: 0, lag_messages: 0, lag_ms: null };
  }
}
