import { LANES, laneRank } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import type { Database } from '../database/database.js';
import { OPS_PROJECTION } from '../ops/ops-message.js';
import { startOfYesterday } from '../task-events/partitions.js';
import { sequenceAt } from '../task-events/sequence-at.js';
import type { TaskRow } from '../tasks/task.entity.js';

/** The ack floor of each lane of a queue: no ticket at or below it will be delivered again. */
export type LaneFloors = ReadonlyMap<Lane, number>;

/** A task as the sweeper needs to know it. The log decides: `sequence` is what the repair was seen at. */
export type SweptTask = Pick<
  TaskRow,
  | 'id'
  | 'queue'
  | 'phase'
  | 'lane'
  | 'ticket'
  | 'due_ticket'
  | 'until'
  | 'expires_at'
  | 'waiting_for'
  | 'checkpoint'
  | 'step'
  | 'worker'
  | 'token'
  | 'sequence'
  | 'first_sequence'
  | 'updated_at'
>;

/** How far a projection is in which log. */
export interface ProjectionPoint {
  name: string;
  sequence: number;
  stream_created_at: string;
  /** The end of Postgres' own log (an LSN) when this was read. */
  wal: string;
}

const COLUMNS =
  'id, queue, phase, lane, ticket, due_ticket, until, expires_at, waiting_for, checkpoint, step, worker, token, sequence, first_sequence, updated_at';

/** A pass finds the rest the next time. */
const DEFAULT_LIMIT = 1000;

/** What the scheduler looks for in the read models. A find is a suspicion: the log, asked after it, decides. */
export class SweepQueries {
  constructor(private readonly database: Database) {}

  /**
   * Ready and running tasks of a queue whose ticket will not be delivered again, the oldest of each lane first; in lanes without a floor
   * nothing is found. Lateral, so that each lane is one short walk of an index, however many tasks wait above its floor.
   */
  lostTickets(queue: string, floors: LaneFloors, limit = DEFAULT_LIMIT): Promise<SweptTask[]> {
    return this.database.rows(
      `SELECT lost.* FROM ${FLOORS} CROSS JOIN LATERAL (
         SELECT ${columnsOf('task')} FROM tasks AS task
         WHERE task.queue = $1 AND task.lane_rank = floors.lane_rank AND task.phase = 'ready'
           AND task.turn IS NOT NULL AND task.turn <= floors.sequence
         ORDER BY task.turn LIMIT $4
       ) AS lost
       UNION ALL
       SELECT lost.* FROM ${FLOORS} CROSS JOIN LATERAL (
         SELECT ${columnsOf('task')} FROM tasks AS task
         WHERE task.queue = $1 AND task.lane_rank = floors.lane_rank AND task.phase = 'running' AND task.ticket <= floors.sequence
         ORDER BY task.ticket LIMIT $4
       ) AS lost
       LIMIT $4`,
      [queue, ...floorArrays(floors), limit],
    );
  }

  /**
   * Scheduled tasks of a queue that should have become ready before the given time, and of whose fired timers none is left to be
   * delivered. Whether a timer is still armed only the log knows.
   */
  overdueWaits(queue: string, floors: LaneFloors, before: Date, limit = DEFAULT_LIMIT): Promise<SweptTask[]> {
    return this.database.rows(
      `SELECT ${columnsOf('task')} FROM tasks AS task LEFT JOIN ${FLOORS} USING (lane_rank)
       WHERE task.phase = 'scheduled' AND task.queue = $1 AND task.until < $5
         AND (task.due_ticket IS NULL OR task.due_ticket <= floors.sequence)
       ORDER BY task.until LIMIT $4`,
      [queue, ...floorArrays(floors), limit, before],
    );
  }

  /** Tasks that wait for a signal, the oldest waits first. Whether the signal is there only the log knows. */
  signalWaits(limit = DEFAULT_LIMIT, after = 0): Promise<SweptTask[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM tasks
       WHERE waiting_for LIKE 'signal:%' AND phase IN ('held', 'scheduled') AND sequence > $2
       ORDER BY sequence LIMIT $1`,
      [limit, after],
    );
  }

  /** Waiting tasks that have never started and may no longer. */
  expired(now: Date, limit = DEFAULT_LIMIT): Promise<SweptTask[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM tasks
       WHERE expires_at IS NOT NULL AND begun = 0 AND phase IN ('ready', 'scheduled', 'held') AND expires_at <= $1
       ORDER BY expires_at LIMIT $2`,
      [now, limit],
    );
  }

  /** The least ticket by which a task of the queue waits in a lane or runs; undefined without any. */
  async leastTicket(queue: string): Promise<number | undefined> {
    const [row] = await this.database.rows<{ least: number | null }>(
      `SELECT min(least) AS least FROM (
         SELECT (SELECT min(turn) FROM tasks WHERE queue = $1 AND lane_rank = place AND turn IS NOT NULL) AS least
         FROM generate_series(0, ${LANES.length - 1}) AS series (place)
         UNION ALL
         SELECT (SELECT min(ticket) FROM tasks WHERE queue = $1 AND lane_rank = place AND phase = 'running')
         FROM generate_series(0, ${LANES.length - 1}) AS series (place)
       ) AS tickets`,
      [queue],
    );
    return row?.least ?? undefined;
  }

  /**
   * Unfinished tasks that need a fact below the limit, in the order of these facts. Who reads page after page sees each of them, whatever it
   * turns into meanwhile: of two queries, for waits and for the others, each could miss a task that changes from one to the other.
   */
  unfinishedBelow(below: number, limit = DEFAULT_LIMIT, from = 0): Promise<SweptTask[]> {
    return this.database.rows(
      `SELECT ${COLUMNS} FROM tasks
       WHERE ${LIVE} AND first_sequence >= $3 AND first_sequence < $1
       ORDER BY first_sequence LIMIT $2`,
      [below, limit, from],
    );
  }

  /**
   * How far each projection of the log is (that of `OPS` reads another stream), and how far Postgres' own log must be on disk before that can be relied on: the projector does not wait
   * for it, so that a crash of Postgres may take the last commits back.
   */
  async projections(): Promise<ProjectionPoint[]> {
    return this.database.rows(
      `SELECT name, sequence, stream_created_at, pg_current_wal_insert_lsn()::text AS wal
       FROM projections WHERE name <> '${OPS_PROJECTION}'`,
    );
  }

  /** Whether Postgres' own log is on disk up to there. */
  async isOnDisk(wal: string): Promise<boolean> {
    const [row] = await this.database.rows<{ is_on_disk: boolean }>(
      'SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS is_on_disk',
      [wal],
    );
    return row?.is_on_disk ?? false;
  }

  /** Which of the tasks have ended. */
  async ended(ids: readonly string[]): Promise<string[]> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT id FROM tasks WHERE id = ANY ($1::text[]) AND NOT (${LIVE})`,
      [ids],
    );
    return rows.map(({ id }) => id);
  }

  /** The last fact of the archive; undefined without any. */
  async lastArchived(): Promise<{ sequence: number; event_id: string } | undefined> {
    const last = (when: string, values: unknown[]): Promise<{ sequence: number; event_id: string }[]> =>
      this.database.rows(
        `SELECT sequence, event_id FROM task_events ${when} ORDER BY sequence DESC LIMIT 1`,
        values,
      );
    // Mostly it is of today: the other days need not be looked into.
    const [young] = await last('WHERE at >= $1', [startOfYesterday()]);
    return young ?? (await last('', []))[0];
  }

  /**
   * The sequence of the fact that ended the n-th last of all finished tasks: with everything below it gone, the log keeps n of them.
   * Undefined when there are not so many. It walks n entries of an index: some tenths of a second for a million.
   */
  async sequenceOfFinished(n: number): Promise<number | undefined> {
    const [row] = await this.database.rows<{ sequence: number }>(
      `SELECT sequence FROM tasks WHERE phase IN ('succeeded', 'failed', 'cancelled', 'cleaned')
       ORDER BY sequence DESC OFFSET $1 LIMIT 1`,
      [n - 1],
    );
    return row?.sequence;
  }

  /** The first fact after all that are older than the time; undefined while none is younger. */
  async sequenceAt(time: Date): Promise<number | undefined> {
    const older = await sequenceAt(this.database, new Date(time.getTime() - 1));
    const [fact] = await this.database.rows<{ sequence: number }>(
      'SELECT sequence FROM task_events WHERE sequence > $1 AND at >= $2 ORDER BY sequence LIMIT 1',
      [older, time],
    );
    return fact?.sequence;
  }
}

const columnsOf = (alias: string): string => COLUMNS.replaceAll(/\w+/g, `${alias}.$&`);

/** As the index of live tasks has it. */
const LIVE = `phase NOT IN ('succeeded', 'failed', 'cancelled', 'cleaned')`;

const FLOORS = 'unnest($2::smallint[], $3::bigint[]) AS floors (lane_rank, sequence)';

const floorArrays = (floors: LaneFloors): [number[], number[]] => [
  [...floors.keys()].map(laneRank),
  [...floors.values()],
];
