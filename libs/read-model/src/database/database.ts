import pg from 'pg';
import { isDatabaseAway } from './database-away.js';
import { valueTypes } from './value-types.js';

export interface DatabaseOptions {
  /** Shown in `pg_stat_activity`. */
  applicationName?: string;
  /** Connections at most. Defaults to 10. */
  connections?: number;
  /** The tables stand in this Postgres schema. Defaults to `public`. */
  schema?: string;
  /** A read that takes longer is given up. Defaults to 15 s. */
  readTimeoutMs?: number;
}

/** Where the tables stand unless something else is said. */
export const DEFAULT_SCHEMA = 'public';

const CONNECT_TIMEOUT_MS = 3_000;
const DEFAULT_CONNECTIONS = 10;
const DEFAULT_READ_TIMEOUT_MS = 15_000;

/** A pool of connections to the read models. It opens none before it is asked something, so Postgres may be away. */
export class Database {
  readonly #pool: pg.Pool;

  constructor(url: string, options: DatabaseOptions = {}) {
    const readTimeoutMs = options.readTimeoutMs ?? DEFAULT_READ_TIMEOUT_MS;
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: options.applicationName ?? 'millrace',
      max: options.connections ?? DEFAULT_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      statement_timeout: readTimeoutMs,
      query_timeout: readTimeoutMs + CONNECT_TIMEOUT_MS,
      types: valueTypes,
      ...(options.schema !== undefined && { options: `-c search_path=${options.schema}` }),
    });
    // An idle connection that breaks is dropped by the pool; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
  }

  /** The rows of a query. Fails with an error that {@link isDatabaseAway} knows when Postgres is not there. */
  async rows<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(sql, values)).rows;
  }

  /** Whether Postgres answers and the tables are there. */
  async isHealthy(): Promise<boolean> {
    try {
      await this.#pool.query('SELECT 1 FROM projections LIMIT 1');
      return true;
    } catch (error) {
      if (isDatabaseAway(error)) return false;
      throw error;
    }
  }

  /** Waits for the queries in hand. */
  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Opens the read models; connects with the first query. */
export const openDatabase = (url: string, options?: DatabaseOptions): Database => new Database(url, options);
