import type { Client } from 'pg';
import { DEFAULT_SCHEMA } from '../database/database.js';
import type { ProjectionRow } from './projection.entity.js';
import { endOf, projectorClient, tryProjectorLock } from './projector-client.js';
import { READ_MODEL_VERSION } from './read-model-version.js';
import { rewind } from './rewind.js';
import type { RewindOptions, Rewound } from './rewind.js';
import { TaskProjection } from './task-projection.js';
import type { ProjectionPlace } from './task-projection.js';

export interface ProjectionOptions {
  /** The Postgres schema of the tables. Defaults to `public`. */
  schema?: string;
  /** Which projection, in the table `projections`. Defaults to `tasks`. */
  name?: string;
  /** Tasks that are kept in memory at most. Defaults to 50,000. */
  knownTasks?: number;
}

/** Where the projection stands in which log. */
export type ProjectionOffset = Pick<
  ProjectionRow,
  'sequence' | 'fingerprint' | 'stream_created_at' | 'generation' | 'version'
>;

/** A fact of the archive, to be compared with the log. */
export interface ArchivedPoint {
  sequence: number;
  event_id: string;
}

const PROJECTION = 'tasks';
const DEFAULT_KNOWN_TASKS = 50_000;

/**
 * The one connection of a projector. Writes and lock are on the same one: who loses it loses both, and Postgres gives the lock to the
 * next. (A pooler between must keep sessions.)
 */
export class ProjectionConnection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<Error>;

  private constructor(
    private readonly client: Client,
    private readonly name: string,
    private readonly schema: string,
    private readonly knownTasks: number,
  ) {
    this.ended = endOf(client);
  }

  /** Fails when Postgres is away. */
  static async open(url: string, options: ProjectionOptions = {}): Promise<ProjectionConnection> {
    const { schema = DEFAULT_SCHEMA, name = PROJECTION, knownTasks = DEFAULT_KNOWN_TASKS } = options;
    const client = projectorClient(url, schema, name);
    const connection = new ProjectionConnection(client, name, schema, knownTasks);
    await client.connect();
    return connection;
  }

  /** Whether this is now the one writer; the lock ends with the connection. */
  tryLock(): Promise<boolean> {
    return tryProjectorLock(this.client, this.schema, this.name);
  }

  /** Undefined before the first start. */
  async offset(): Promise<ProjectionOffset | undefined> {
    const { rows } = await this.client.query<ProjectionOffset>(
      'SELECT sequence, fingerprint, stream_created_at, generation, version FROM projections WHERE name = $1',
      [this.name],
    );
    return rows[0];
  }

  /** Begins or goes on; the log must be the one that the offset speaks of. */
  async resume(streamCreatedAt: string): Promise<TaskProjection> {
    const { rows } = await this.client.query<Omit<ProjectionPlace, 'name'>>(
      `INSERT INTO projections
         (name, sequence, fingerprint, stream_created_at, ignored, lag_ms, lag_messages, updated_at, version)
       VALUES ($1, 0, '', $2, 0, 0, 0, clock_timestamp(), $3)
       ON CONFLICT (name) DO UPDATE SET stream_created_at = excluded.stream_created_at, updated_at = excluded.updated_at
       RETURNING sequence, generation`,
      [this.name, streamCreatedAt, READ_MODEL_VERSION],
    );
    const place = { name: this.name, sequence: 0, generation: 0, ...rows[0] };
    return new TaskProjection(this.client, place, this.knownTasks);
  }

  /** The last fact of the archive at or before the sequence. */
  async archivedAt(sequence: number): Promise<ArchivedPoint | undefined> {
    const { rows } = await this.client.query<ArchivedPoint>(
      'SELECT sequence, event_id FROM task_events WHERE sequence <= $1 ORDER BY sequence DESC LIMIT 1',
      [sequence],
    );
    return rows[0];
  }

  /** Takes the tables back to what they were at an earlier sequence; see {@link rewind}. */
  rewind(options: RewindOptions): Promise<Rewound> {
    return rewind(this.client, this.name, options);
  }

  /** Lets the lock go. Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
