import { STATUSES } from '@millrace/domain';
import type { Database } from '@millrace/read-model';
import type { BenchSystem } from '../bench-system.js';
import { sampleOf } from './check-archive.js';
import type { Filled } from './fill-archive.js';

/** What can be asked for, from the tables and from first answers. */
export interface Known {
  statuses: readonly string[];
  workers: string[];
  /** Names of files that one task or few have in their parameters. */
  files: string[];
  fingerprints: string[];
  /** Moments in the lives of tasks. */
  moments: { id: string; at: string }[];
  /** Queries of pages in the middle of long lists. */
  deep: { name: string; queries: Record<string, string>[] }[];
}

const SAMPLE = 100;
const DEEP: Readonly<Record<string, Record<string, string>>> = {
  'no filter': {},
  'status=SUCCESS': { status: 'SUCCESS' },
  'status=FAILURE': { status: 'FAILURE' },
  queue: { queue: 'video' },
  tag: { tag: 'urgent' },
};

export async function knownOf(system: BenchSystem, database: Database, filled: Filled): Promise<Known> {
  const ids = await sampleOf(database, SAMPLE);
  const rows = await database.rows<{ id: string; worker: string | null; file: string; at: string }>(
    `SELECT id, worker, parameters ->> 'file' AS file, submitted_at + random() * (updated_at - submitted_at) AS at
     FROM tasks WHERE id = ANY ($1::text[])`,
    [ids],
  );
  return {
    statuses: STATUSES,
    workers: rows.flatMap(({ worker }) => worker ?? []),
    files: rows.map(({ file }) => file),
    fingerprints: await fingerprintsOf(system),
    moments: rows.map(({ id, at }) => ({ id, at })),
    deep: await Promise.all(
      Object.entries(DEEP).map(async ([name, query]) => ({
        name,
        queries: await deepOf(system, query, filled),
      })),
    ),
  };
}

async function fingerprintsOf(system: BenchSystem): Promise<string[]> {
  const failures = await read<{ items: { fingerprint: string }[] }>(system, '/api/v1/failures');
  return failures?.items.map(({ fingerprint }) => fingerprint) ?? [];
}

/** A page that begins at a random time has a cursor that leads on without that time. */
async function deepOf(
  system: BenchSystem,
  query: Record<string, string>,
  { beginMs, endMs }: Filled,
): Promise<Record<string, string>[]> {
  const queries: Record<string, string>[] = [];
  for (let place = 1; place <= 20; place++) {
    const submitted_before = new Date(beginMs + (place / 21) * (endMs - beginMs)).toISOString();
    const page = await read<{ next_cursor: string | null }>(
      system,
      `/api/v1/tasks?${new URLSearchParams({ ...query, submitted_before }).toString()}`,
    );
    if (page?.next_cursor) queries.push({ ...query, cursor: page.next_cursor });
  }
  return queries;
}

/** Undefined where the gateway does not know what is asked for. */
export async function read<Answer>(
  { http, headers }: BenchSystem,
  path: string,
): Promise<Answer | undefined> {
  const { statusCode, body } = await http.request({ path, method: 'GET', headers });
  if (statusCode === 200) return (await body.json()) as Answer;
  const text = await body.text();
  if (statusCode === 400 || statusCode === 404) return undefined;
  throw new Error(`${path} answered ${statusCode}: ${text}`);
}
