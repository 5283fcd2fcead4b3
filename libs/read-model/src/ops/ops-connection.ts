import type { Client } from 'pg';
import { DEFAULT_SCHEMA } from '../database/database.js';
import type { ArchivedPoint, ProjectionOffset } from '../projections/projection-connection.js';
import { OffsetMovedError } from '../projections/projection-errors.js';
import { endOf, projectorClient, tryProjectorLock } from '../projections/projector-client.js';
import { OPS_PROJECTION } from './ops-message.js';
import { OpsProjection } from './ops-projection.js';

/** From where to where the archive of `OPS` is taken back. */
export interface OpsTakenBack {
  from: number;
  /** The last sequence that stream and table have in common. */
  to: number;
  /** Of the message there. */
  fingerprint: string;
}

/** The one connection of the projection of `OPS`: lock and writes are on it. */
export class OpsConnection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<Error>;

  private constructor(private readonly client: Client) {
    this.ended = endOf(client);
  }

  /** Fails when Postgres is away. */
  static async open(url: string): Promise<OpsConnection> {
    const client = projectorClient(url, DEFAULT_SCHEMA, OPS_PROJECTION);
    const connection = new OpsConnection(client);
    await client.connect();
    return connection;
  }

  /** Whether this is now the one writer; the lock ends with the connection. */
  tryLock(): Promise<boolean> {
    return tryProjectorLock(this.client, DEFAULT_SCHEMA, OPS_PROJECTION);
  }

  /** Undefined before the first start. */
  async offset(): Promise<ProjectionOffset | undefined> {
    const { rows } = await this.client.query<ProjectionOffset>(
      'SELECT sequence, fingerprint, stream_created_at FROM projections WHERE name = $1',
      [OPS_PROJECTION],
    );
    return rows[0];
  }

  /** Begins or goes on; the stream must be the one that the offset speaks of. */
  async resume(streamCreatedAt: string): Promise<OpsProjection> {
    const { rows } = await this.client.query<{ sequence: number }>(
      `INSERT INTO projections (name, sequence, fingerprint, stream_created_at, ignored, lag_ms, lag_messages, updated_at)
       VALUES ($1, 0, '', $2, 0, 0, 0, clock_timestamp())
       ON CONFLICT (name) DO UPDATE SET stream_created_at = excluded.stream_created_at, updated_at = excluded.updated_at
       RETURNING sequence`,
      [OPS_PROJECTION, streamCreatedAt],
    );
    return new OpsProjection(this.client, rows[0]?.sequence ?? 0);
  }

  /** The last note of the archive at or before the sequence; its whole body is what tells it from another. */
  async archivedAt(sequence: number): Promise<ArchivedPoint | undefined> {
    const { rows } = await this.client.query<ArchivedPoint>(
      'SELECT sequence, data::text AS event_id FROM ops_events WHERE sequence <= $1 ORDER BY sequence DESC LIMIT 1',
      [sequence],
    );
    return rows[0];
  }

  /**
   * Takes the rows after the common point out, in one transaction; the notes are kept in `lost_ops_events`. Resolves with their number.
   *
   * @throws OffsetMovedError when somebody else wrote meanwhile
   */
  async takeBack(options: OpsTakenBack): Promise<number> {
    await this.client.query('BEGIN');
    try {
      const lost = await this.#takeBack(options);
      await this.client.query('COMMIT');
      return lost;
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  async #takeBack({ from, to, fingerprint }: OpsTakenBack): Promise<number> {
    const moved = await this.client.query(
      'UPDATE projections SET sequence = $3, fingerprint = $4 WHERE name = $1 AND sequence = $2',
      [OPS_PROJECTION, from, to, fingerprint],
    );
    if (moved.rowCount === 0) throw new OffsetMovedError(from);
    await this.client.query('DELETE FROM audit_commands WHERE sequence > $1', [to]);
    const lost = await this.client.query(
      `WITH lost AS (DELETE FROM ops_events WHERE sequence > $1 RETURNING *)
       INSERT INTO lost_ops_events SELECT *, now() FROM lost`,
      [to],
    );
    return lost.rowCount ?? 0;
  }

  /** Lets the lock go. Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
