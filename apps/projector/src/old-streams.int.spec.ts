import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KINDS } from '@millrace/domain';
import { BODY_VERSION, lift, parseSubject } from '@millrace/log';
import { TaskQueries, openDatabase } from '@millrace/read-model';
import { openTestLog, publishRaw, shareTestPostgres, startTestNats, waitUntil } from '@millrace/testing';
import type { RawMessage, SharedPostgres } from '@millrace/testing';
import { Rebuild } from './rebuild/rebuild-tables.js';
import { recordStream } from './testing/recorder.js';

/**
 * Streams as some version of the code wrote them, and the rows that they come to. They are never changed: with UPDATE_FIXTURES=1 the
 * stream of today's version is recorded anew, which is right only before a release, or where the rows were wrong.
 */
const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
const TODAY = `stream-v${BODY_VERSION}`;

const linesOf = <T>(name: string): T[] =>
  readFileSync(`${FIXTURES}${name}.ndjson`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

const write = (name: string, lines: object[]): void => {
  writeFileSync(`${FIXTURES}${name}.ndjson`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
};

let postgres: SharedPostgres;
beforeAll(async () => {
  postgres = await shareTestPostgres();
}, 60_000);
afterAll(() => postgres.stop());

/** The rows of a stream, without what is null, so that a new column changes nothing. */
async function rowsOf(messages: RawMessage[]): Promise<{ rows: object[]; ignored: number }> {
  const nats = await startTestNats();
  const url = await postgres.freshDatabase();
  const database = openDatabase(url);
  const log = await openTestLog(nats.url);
  try {
    await publishRaw(nats.url, messages);
    await waitUntil(async () => (await log.admin.state()).lastSequence === messages.length);
    const projection = await Rebuild.open({ log, databaseUrl: url, schema: 'public' });
    await projection.catchUp();
    await projection.close({ keep: true });
    const queries = new TaskQueries(database);
    const ids = [...new Set(messages.map(({ subject }) => subject.split('.')[3] ?? ''))].sort();
    const rows = await Promise.all(ids.map((id) => queries.get(id)));
    const bare = rows.map((row) => JSON.stringify(row, (_, value: unknown) => value ?? undefined));
    return {
      rows: bare.map((row) => JSON.parse(row) as object),
      ignored: (await queries.projection()).ignored,
    };
  } finally {
    await Promise.all([log.close(), database.close()]);
    await nats.stop();
  }
}

describe('a stream that an older version wrote', () => {
  beforeAll(async () => {
    if (process.env.UPDATE_FIXTURES === undefined) return;
    write(TODAY, recordStream());
    write(`${TODAY}.rows`, (await rowsOf(linesOf(TODAY))).rows);
  }, 60_000);

  const names = readdirSync(FIXTURES)
    .map((file) => /^(stream-v[1-9]\d*)\.ndjson$/.exec(file)?.[1])
    .filter((name) => name !== undefined);

  it.each(names)(
    '%s gives the rows that it gave then',
    async (name) => {
      const { rows, ignored } = await rowsOf(linesOf(name));
      expect(ignored).toBe(0);
      expect(rows).toEqual(linesOf(`${name}.rows`));
    },
    60_000,
  );

  it('is there of this version, with every kind of fact', () => {
    const kinds = linesOf<RawMessage>(TODAY).map(({ subject }) => parseSubject(subject));
    const found = new Set(kinds.map((parsed) => (parsed.type === 'fact' ? parsed.kind : parsed.type)));
    expect([...found].sort()).toEqual([...KINDS, 'due'].sort());
  });

  // An example: no such version was ever released. It shows what an upcaster does, and that it can be told by a recorded stream.
  it('is lifted by upcasters to what the newest writes', () => {
    const upcasters = {
      // Durations were once seconds.
      0: (_kind: unknown, { seconds, ...rest }: Record<string, unknown>) =>
        typeof seconds === 'number' ? { ...rest, duration_ms: seconds * 1000 } : rest,
    } as Parameters<typeof lift>[3];
    const lifted = linesOf<RawMessage>('example-v0').map(({ subject, body }) => {
      const place = parseSubject(subject);
      if (place.type !== 'fact') throw new Error(`${subject} is no fact.`);
      return {
        subject,
        body: lift(place.kind, JSON.parse(body) as Parameters<typeof lift>[1], 1, upcasters),
      };
    });
    const today = new Map(linesOf<RawMessage>('stream-v1').map(({ subject, body }) => [body, subject]));
    const parsed = [...today].map(([body, subject]) => ({ subject, body: JSON.parse(body) as object }));
    for (const { subject, body } of lifted) expect(parsed).toContainEqual({ subject, body });
  });
});
