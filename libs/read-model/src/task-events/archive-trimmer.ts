import type { Client } from 'pg';
import { openClient } from '../database/open-client.js';
import { firstKeptNote, removeLostNotes, removeNotes } from '../ops/ops-trim.js';
import { oldDays, trimArchive } from './archive-trim.js';
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

  /** Whether this is now the one that trims; the lock ends with the connection. */
  async tryLock(): Promise<boolean> {
    const { rows } = await this.client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock($1, hashtext(current_schema())) AS locked',
      [LOCK_CLASS],
    );
    return rows[0]?.locked ?? false;
  }

  /** Days that are over before the time: a trim drops them unless they are needed. */
  oldDays(before: Date): Promise<string[]> {
    return oldDays(this.client, before);
  }

  /** See {@link trimArchive}; undefined while somebody else does it. */
  async trim(before: Date): Promise<Trimmed | undefined> {
    return (await this.tryLock()) ? trimArchive(this.client, before) : undefined;
  }

  /** See {@link firstKeptNote}. */
  firstKeptNote(before: Date): Promise<number | undefined> {
    return firstKeptNote(this.client, before);
  }

  /** See {@link removeNotes}. */
  removeNotes(before: number): Promise<number> {
    return removeNotes(this.client, before);
  }

  /** Removes notes that the stream lost before the time. */
  removeLostNotes(before: Date): Promise<void> {
    return removeLostNotes(this.client, before);
  }

  /** Lets the lock go. Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
