import type { Client } from 'pg';
import { openClient } from '../database/open-client.js';
import { indexNext } from './search-index.js';
import type { IndexStep } from './search-index.js';

/** Fills the index of searches behind the projection, over a connection of its own. */
export class SearchIndexer {
  private constructor(private readonly client: Client) {}

  /** Fails when Postgres is away. */
  static async open(url: string, options: { schema?: string } = {}): Promise<SearchIndexer> {
    return new SearchIndexer(await openClient(url, { applicationName: 'millrace-search', ...options }));
  }

  /** Takes the next tasks into the index, in the order in which they changed; see {@link indexNext}. */
  next(limit: number): Promise<IndexStep> {
    return indexNext(this.client, limit);
  }

  /** Safe twice, and when Postgres is away. */
  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}
