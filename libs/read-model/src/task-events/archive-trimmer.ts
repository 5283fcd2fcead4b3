import type { Client } from 'pg';
import { openClient } from '../database/open-client.js';
import { trimArchive } from './archive-trim.js';
import type { Trimmed } from './archive-trim.js';

/** First half of the advisory lock's key: `trim` in ASCII. */
const LOCK_CLASS = 0x7472696d;

/** Trims the archive over a connection of its own. */
export class ArchiveTrimmer {
  private constructor(private readonly client: Client) {}

  /** Fails when Postgres is away. */
  static async open(url: string, options: { schema?: string } = {}): Promise<ArchiveTrimmer> {
    return new ArchiveTrimmer(await openClient(url, { applicationName: 'millrace-trim', ...options }));
  }

  /** See {@link trimArchive}; undefined while somebody else does it. */
  async trim(before: Date): Promise<Trimmed | undefined> {
    const { rows } = await this.client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext(current_schema())) AS locked',
      [LOCK_CLASS],
    );
    return rows[0]?.locked ? trimArchive(this.client, before) : undefined;
  }

  /** Lets the lock go. Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
