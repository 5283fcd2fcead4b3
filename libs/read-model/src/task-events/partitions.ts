import type { Client } from 'pg';

/** What is needed of a fact to know where it goes. */
export interface Dated {
  fact: {
    /** ISO-8601 in UTC. */
    at: string;
  };
}

const DAY_MS = 86_400_000;
/** Where facts of nonsense days go: of a clock that is years behind, or days ahead. */
const OLDEST_DAYS = 3_650;
/** A reader may hold the default part; facts go there then, and are moved with the next try. */
const LOCK_TIMEOUT_MS = 500;
const RETRY_AFTER_MS = 10_000;
const LOCK_NOT_AVAILABLE = '55P03';
const DAY = /^\d{4}-\d\d-\d\d$/;

/** The day of a fact in UTC, such as `2026-01-31`. */
export const dayOf = (at: string): string => at.slice(0, 10);

/** The table of a day's facts. */
export const partitionOf = (day: string): string => `task_events_${day.replaceAll('-', '')}`;

/** The day that a table is of; undefined if it is of none. */
export function dayOfPartition(table: string): string | undefined {
  const [, year, month, day] = /^task_events_(\d{4})(\d\d)(\d\d)$/.exec(table) ?? [];
  return day && `${year}-${month}-${day}`;
}

/** The day after. */
export const nextDay = (day: string): string => dayAt(Date.parse(day) + DAY_MS);

/** From here on is all that is new, in two or three parts of the archive. */
export const startOfYesterday = (now = Date.now()): string => `${dayAt(now - DAY_MS)}T00:00:00.000Z`;

/**
 * The parts of the archive, as one writer knows them. Makes those that are missing: of a day that facts bring, and with today's already
 * tomorrow's, so that none has to be made while facts of its day wait.
 */
export class ArchivePartitions {
  #days: Set<string> | undefined;
  #lastDay = '';
  #triesAgainAt = 0;

  constructor(
    private readonly client: Client,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Sees that the days of the facts have their parts; outside of a transaction. Costs a comparison per fact. A part that cannot be made
   * now, since somebody reads the default part, is tried again later: its facts are in the default part until then.
   */
  async cover(facts: readonly Dated[]): Promise<void> {
    const days = this.#unknownDays(facts);
    if (days.size === 0 || this.now() < this.#triesAgainAt) return;
    this.#days ??= await daysOf(this.client);
    for (const day of days) if (!(await this.#make(day))) return;
  }

  #unknownDays(facts: readonly Dated[]): Set<string> {
    const unknown = new Set<string>();
    for (const { fact } of facts) {
      const { at } = fact;
      if (at.startsWith(this.#lastDay) && this.#lastDay !== '') continue;
      const day = dayOf(at);
      if (!this.#isReasonable(day)) continue;
      if (this.#days?.has(day) && this.#days.has(this.#following(day))) this.#lastDay = day;
      else unknown.add(day).add(this.#following(day));
    }
    return unknown;
  }

  /** Tomorrow for today; of an older day itself. */
  #following(day: string): string {
    return day === dayAt(this.now()) ? nextDay(day) : day;
  }

  #isReasonable(day: string): boolean {
    if (!DAY.test(day)) return false;
    const ageMs = this.now() - Date.parse(day);
    return ageMs > -DAY_MS && ageMs < OLDEST_DAYS * DAY_MS;
  }

  async #make(day: string): Promise<boolean> {
    if (this.#days?.has(day)) return true;
    try {
      await makePartition(this.client, day);
      this.#days?.add(day);
      return true;
    } catch (error) {
      await this.client.query('ROLLBACK');
      if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
      this.#triesAgainAt = this.now() + RETRY_AFTER_MS;
      return false;
    }
  }
}

/** The days that have a part. */
export async function daysOf(client: Pick<Client, 'query'>): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'task_events'::regclass`,
  );
  return new Set(rows.map(({ name }) => dayOfPartition(name)).filter((day) => day !== undefined));
}

/** Attached, not made in place: that would wait for every reader of the archive. Facts of the day that came too early move there. */
async function makePartition(client: Client, day: string): Promise<void> {
  const table = partitionOf(day);
  await client.query('BEGIN');
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  // Of two writers the later one finds it made.
  await client.query(`SELECT pg_advisory_xact_lock('task_events'::regclass::oid::bigint)`);
  const { rowCount } = await client.query(`SELECT WHERE to_regclass('${table}') IS NULL`);
  if (rowCount) await attachNew(client, table, day);
  await client.query('COMMIT');
}

async function attachNew(client: Client, table: string, day: string): Promise<void> {
  const [from, to] = [day, nextDay(day)].map((begin) => `'${begin}T00:00:00Z'`) as [string, string];
  await client.query(`CREATE TABLE ${table} (LIKE task_events INCLUDING DEFAULTS)`);
  await client.query(
    `WITH early AS (DELETE FROM task_events_default WHERE at >= ${from} AND at < ${to} RETURNING *)
     INSERT INTO ${table} SELECT * FROM early ORDER BY sequence`,
  );
  await client.query(
    `ALTER TABLE task_events ATTACH PARTITION ${table} FOR VALUES FROM (${from}) TO (${to})`,
  );
}

function dayAt(ms: number): string {
  return dayOf(new Date(ms).toISOString());
}
