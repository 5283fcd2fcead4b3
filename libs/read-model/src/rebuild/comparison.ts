import pg from 'pg';
import { DEFAULT_SCHEMA } from '../database/database.js';
import { comparedMetrics } from './metric-comparison.js';

export interface CompareOptions {
  /** The schema of the tables that were built anew. */
  rebuilt: string;
  /** The schema of the tables in use. Defaults to `public`. */
  live?: string;
  /** The first sequence that the log still has: what the tables keep from before cannot be compared. */
  from: number;
  /** Brings the rebuilt tables to the sequence at which the live ones are held. */
  catchUp: (sequence: number) => Promise<void>;
}

/** How two builds of the read models differ. */
export interface Comparison {
  /** Both were compared as of this sequence. */
  sequence: number;
  tasks: TableComparison;
  task_events: TableComparison;
  /** Rows of minutes, compared number by number. */
  metrics: TableComparison;
  failures: TableComparison;
}

export interface TableComparison {
  /** Rows in the tables in use. */
  rows: number;
  /** Rows that are not the same in all columns, or are in one table only. */
  different: number;
  /** Some of them: the row in use and the one that was built anew, as Postgres writes a row; null where there is none. */
  examples: { key: string; live: string | null; rebuilt: string | null }[];
}

const EXAMPLES = 5;

/** Compares tables in use with rebuilt ones, in all columns. The projector waits meanwhile; readers do not. */
export async function compareRebuilt(url: string, options: CompareOptions): Promise<Comparison> {
  const { live = DEFAULT_SCHEMA, rebuilt, from, catchUp } = options;
  const client = new pg.Client({ connectionString: url, application_name: 'millrace-compare' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN');
    // Every batch moves the offset: whoever holds this table holds the projection.
    await client.query(`LOCK TABLE ${live}.projections IN SHARE ROW EXCLUSIVE MODE`);
    const { rows } = await client.query<{ sequence: string }>(
      `SELECT sequence FROM ${live}.projections WHERE name = 'tasks'`,
    );
    const sequence = Number(rows[0]?.sequence ?? 0);
    await catchUp(sequence);
    const compare = (table: string, key: string, first: string): Promise<TableComparison> =>
      compareTable(client, { live: `${live}.${table}`, rebuilt: `${rebuilt}.${table}`, key, first, from });
    return {
      sequence,
      tasks: await compare('tasks', 'id', 'first_sequence'),
      task_events: await compare('task_events', 'sequence', 'sequence'),
      metrics: await compareMetrics(client, live, rebuilt, from),
      failures: await compare('failures', 'sequence', 'first_sequence'),
    };
  } finally {
    await client.end();
  }
}

/** Whole rows are compared as text, since JSON has no equality: it must be the same to the letter. */
async function compareTable(
  client: pg.Client,
  {
    live,
    rebuilt,
    key,
    first,
    from,
  }: Record<'live' | 'rebuilt' | 'key' | 'first', string> & { from: number },
): Promise<TableComparison> {
  return compared(
    client,
    `SELECT count(*) AS rows FROM ${live}`,
    `SELECT ${key}::text AS key, live::text AS live, rebuilt::text AS rebuilt, count(*) OVER () AS different
     FROM ${live} AS live FULL JOIN ${rebuilt} AS rebuilt USING (${key})
     WHERE live::text IS DISTINCT FROM rebuilt::text AND (live.${first} IS NULL OR live.${first} >= $1)
     ORDER BY 1`,
    from,
  );
}

const compareMetrics = (
  client: pg.Client,
  live: string,
  rebuilt: string,
  from: number,
): Promise<TableComparison> =>
  compared(
    client,
    `SELECT count(*) AS rows FROM ${live}.metrics WHERE span = 'minute'`,
    comparedMetrics(live, rebuilt),
    from,
  );

/** Of all that differs, how much it is and some examples. */
async function compared(
  client: pg.Client,
  counting: string,
  differences: string,
  from: number,
): Promise<TableComparison> {
  const { rows: counted } = await client.query<{ rows: string }>(counting);
  const { rows } = await client.query<TableComparison['examples'][number] & { different: string }>(
    `${differences} LIMIT ${EXAMPLES}`,
    [from],
  );
  return {
    rows: Number(counted[0]?.rows),
    different: Number(rows[0]?.different ?? 0),
    examples: rows.map(({ key, live, rebuilt }) => ({ key, live, rebuilt })),
  };
}
