import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres } from '@millrace/embedded';
import type { RunningPostgres } from '@millrace/embedded';
import { STATUSES, statusOf } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import { openDatabase } from '../database/database.js';
import { migrate } from '../database/migrate.js';
import { CHANGE_OF, addMeasures, noMeasures } from '../metrics/measures.js';
import type { Measures } from '../metrics/measures.js';
import type { MetricRow, MetricSpan } from '../metrics/metric.entity.js';
import { MetricsQueries } from '../metrics/metrics.queries.js';
import { metricOf } from '../metrics/metrics-table.js';
import type { Metric } from '../metrics/metrics-table.js';
import { countedByHand, countsOf, minuteKey } from '../testing/counted-by-hand.js';
import { messageOf, randomLog, randomNumbers } from '../testing/random-log.js';
import { queryOnce } from '../testing/query-once.js';
import { stateOf } from '../tasks/task.mapping.js';
import { TaskQueries } from '../tasks/task.queries.js';
import type { LogMessage } from './log-message.js';
import { ProjectionConnection } from './projection-connection.js';
import { OffsetMovedError } from './projection-errors.js';
import type { TaskProjection } from './task-projection.js';

const NO_LAG = { lag_ms: 0, lag_messages: 0 };
const LONG_AGO = '2000-01-01T00:00:00.000Z';

let postgres: RunningPostgres;
let databases = 0;
beforeAll(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-projection-'));
  postgres = await startPostgres({ dataDir, settings: { fsync: 'off' } });
}, 60_000);
afterAll(() => postgres.destroy());

const connections: ProjectionConnection[] = [];
afterAll(() => Promise.all(connections.map((connection) => connection.close())));

async function freshDatabase(): Promise<string> {
  const url = await postgres.createDatabase(`projection_${++databases}`);
  await migrate(url);
  return url;
}

async function connect(url: string, knownTasks = 50_000): Promise<ProjectionConnection> {
  const connection = await ProjectionConnection.open(url, { knownTasks });
  connections.push(connection);
  return connection;
}

/** Applies the messages in batches of random lengths, each given before the ones before are written. */
async function applySplit(
  projection: TaskProjection,
  messages: LogMessage[],
  seed: number,
  longest = 40,
): Promise<void> {
  const random = randomNumbers(seed);
  const applied: Promise<unknown>[] = [];
  for (let at = 0; at < messages.length;) {
    const length = 1 + Math.floor(random() * longest);
    applied.push(projection.apply(messages.slice(at, at + length), NO_LAG));
    at += length;
  }
  await Promise.all(applied);
}

/** The tables and the count of what was passed over, to the letter. */
async function tablesOf(url: string): Promise<unknown> {
  const metrics = await queryOnce(
    url,
    'SELECT metrics::text AS row FROM metrics ORDER BY span, at, queue, name',
  );
  const tasks = await queryOnce(url, 'SELECT tasks::text AS row FROM tasks ORDER BY id');
  const events = await queryOnce(url, 'SELECT task_events::text AS row FROM task_events ORDER BY sequence');
  const failures = await queryOnce(url, 'SELECT failures::text AS row FROM failures ORDER BY sequence');
  const [projection] = await queryOnce(url, 'SELECT sequence, fingerprint, ignored FROM projections');
  return { tasks, events, failures, metrics, projection };
}

async function built(messages: LogMessage[]): Promise<unknown> {
  const url = await freshDatabase();
  await (await (await connect(url)).resume('log')).apply(messages, NO_LAG);
  return tablesOf(url);
}

/** Rows of `metrics`. */
async function metricsOf(url: string, where: string): Promise<Metric[]> {
  const database = openDatabase(url);
  const rows = await database.rows<MetricRow>(
    `SELECT * FROM metrics WHERE ${where} ORDER BY span, at, queue, name`,
  );
  await database.close();
  return rows.map(metricOf);
}

/** The sums of spans, and of the minutes that these do not have yet. */
async function sumOf(url: string, span: MetricSpan): Promise<Measures> {
  const sum = noMeasures();
  for (const { measures } of await metricsOf(url, `span = '${span}' OR NOT rolled`))
    addMeasures(sum, measures);
  return sum;
}

/** Windows and intervals are what the rows of their minutes come to. */
async function expectWindowsOf(url: string): Promise<void> {
  const minutes = await metricsOf(url, `span = 'minute'`);
  const sumBetween = (from: number, to: number): Measures => {
    const sum = noMeasures();
    for (const { at, measures } of minutes)
      if (Date.parse(at) >= from && Date.parse(at) < to) addMeasures(sum, measures);
    return sum;
  };
  const database = openDatabase(url);
  const queries = new MetricsQueries(database);
  const begin = Date.parse('2026-01-01T00:00:00.000Z');
  const random = randomNumbers(1);
  for (let window = 0; window < 12; window++) {
    const [from, to] = [random() * 240, random() * 240].map((minute) => begin + Math.floor(minute) * 60_000);
    const times = {
      from: new Date(Math.min(from!, to!)).toISOString(),
      to: new Date(Math.max(from!, to!)).toISOString(),
    };
    const sum = noMeasures();
    for (const { measures } of (await queries.totals(times)).groups) addMeasures(sum, measures);
    expect(sum).toEqual(sumBetween(Date.parse(times.from), Date.parse(times.to)));
  }
  for (const interval_seconds of [300, 3600]) {
    const [from, to] = [begin + 3_600_000, begin + 4 * 3_600_000];
    const times = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { points } = await queries.series({ ...times, interval_seconds });
    expect(points).toHaveLength((to - from) / 1000 / interval_seconds);
    for (const { at, measures, standing } of points) {
      const end = Date.parse(at) + interval_seconds * 1000;
      expect(measures).toEqual(sumBetween(Date.parse(at), end));
      expect(standing.in_pending).toBe(sumBetween(-Infinity, end).in_pending);
    }
  }
  await database.close();
}

const factsOf = (messages: LogMessage[]): Fact[] =>
  messages.flatMap((message) => (message.type === 'fact' ? [message.fact] : []));

const submitted = (
  sequence: number,
  change: (data: Record<string, unknown>) => void = () => undefined,
): LogMessage => {
  const message = randomLog(7, { tasks: 1, moves: 40 }).messages.find(({ type }) => type === 'fact');
  const fact = structuredClone((message as { fact: Fact }).fact);
  change(fact.data as unknown as Record<string, unknown>);
  return messageOf({ ...fact, sequence, task_id: `own-${sequence}`, id: `own-${sequence}` });
};

describe('a projection', () => {
  it('gives the same tables however the log is cut into batches, and whatever is in memory', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const { messages } = randomLog(seed, { tasks: 12, moves: 600 });
      const expected = await built(messages);
      const url = await freshDatabase();
      const projection = await (await connect(url, seed)).resume('log');
      await applySplit(projection, messages, seed);
      expect(await tablesOf(url)).toEqual(expected);
    }
  }, 60_000);

  it('gives the same tables in batches so long that rows are copied and moved', async () => {
    for (const seed of [21, 22, 23, 24]) {
      const { messages } = randomLog(seed, { tasks: 150, moves: 1500 });
      const url = await freshDatabase();
      const projection = await (await connect(url, seed % 2 === 0 ? 20 : 50_000)).resume('log');
      await applySplit(projection, messages, seed, 300);
      const inShortOnes = await freshDatabase();
      await applySplit(await (await connect(inShortOnes)).resume('log'), messages, seed, 45);
      expect(await tablesOf(url)).toEqual(await tablesOf(inShortOnes));
    }
  }, 60_000);

  it('does without what it knows when the tables are not so', async () => {
    const { messages } = randomLog(25, { tasks: 30, moves: 600 });
    const half = messages.slice(0, messages.length / 2);
    const url = await freshDatabase();
    await (await (await connect(url)).resume('log')).apply(half, NO_LAG);
    await queryOnce(url, 'UPDATE projections SET sequence = 0, ignored = 0');
    const again = await (await connect(url)).resume('log');
    await again.apply(messages, NO_LAG);
    expect(await tablesOf(url)).toEqual(await built(messages));
  });

  it('writes a row again that somebody took away', async () => {
    const url = await freshDatabase();
    const projection = await (await connect(url)).resume('log');
    const begun = Array.from({ length: 60 }, (_, index) => submitted(index + 1));
    await projection.apply(begun, NO_LAG);
    await queryOnce(url, `DELETE FROM tasks WHERE id = 'own-7'`);
    const cancelled = begun.map((message) => {
      const { fact } = message as { fact: Fact };
      const data = { reason: 'cancelled', previous: 'PENDING' } as const;
      const sequence = fact.sequence + begun.length;
      return messageOf({ ...fact, kind: 'cancelled', data, sequence, prev: fact.sequence });
    });
    const last = submitted(2 * begun.length + 1);
    await Promise.all([projection.apply(cancelled, NO_LAG), projection.apply([last], NO_LAG)]);
    expect(projection.sequence).toBe(last.sequence);
    const [count] = await queryOnce(url, `SELECT count(*)::int FROM tasks WHERE phase = 'cancelled'`);
    expect(count).toEqual({ count: 60 });
  });

  it('passes over what comes twice, and batches that overlap', async () => {
    const { messages } = randomLog(5, { tasks: 8, moves: 300 });
    const url = await freshDatabase();
    const projection = await (await connect(url)).resume('log');
    for (let at = 0; at < messages.length; at += 20) {
      await projection.apply(messages.slice(at, at + 20), NO_LAG);
      await projection.apply(messages.slice(at, at + 20), NO_LAG);
      await projection.apply(messages.slice(Math.max(0, at - 15), at + 27), NO_LAG);
    }
    expect(await tablesOf(url)).toEqual(await built(messages));
  });

  it('goes on from the table, with a new writer each time', async () => {
    const { messages } = randomLog(6, { tasks: 8, moves: 300 });
    const url = await freshDatabase();
    for (let at = 0; at < messages.length; at += 50) {
      const connection = await connect(url);
      await (await connection.resume('log')).apply(messages.slice(0, at + 50), NO_LAG);
      await connection.close();
    }
    expect(await tablesOf(url)).toEqual(await built(messages));
  });

  it('keeps states that read back as the domain has them', async () => {
    const { messages, states } = randomLog(8, { tasks: 40, moves: 2000 });
    const url = await freshDatabase();
    await applySplit(await (await connect(url)).resume('log'), messages, 8);
    const database = openDatabase(url);
    const queries = new TaskQueries(database);
    for (const [id, state] of states) {
      const row = await queries.get(id);
      expect(row && stateOf(row)).toEqual(state);
      const events = await queries.events(id);
      expect(events.at(-1)?.sequence).toBe(state.sequence);
    }
    await database.close();
  });

  it('lets one of two writers fail, and loses nothing', async () => {
    const { messages } = randomLog(9, { tasks: 8, moves: 400 });
    const url = await freshDatabase();
    const writers = [await connect(url), await connect(url)];
    const random = randomNumbers(9);
    let refused = 0;
    for (let at = 0; at < messages.length; at += 10) {
      const projections = await Promise.all(writers.map((writer) => writer.resume('log')));
      const ends = projections.map(() => at + Math.ceil(random() * 20));
      // The second batch of whoever failed with the first must not be written.
      const outcomes = await Promise.allSettled(
        projections.flatMap((projection, writer) => [
          projection.apply(messages.slice(0, ends[writer]), NO_LAG),
          projection.apply(messages.slice(ends[writer], ends[writer]! + 5), NO_LAG),
        ]),
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        expect(outcome.reason).toBeInstanceOf(OffsetMovedError);
        refused++;
      }
    }
    await (await writers[0]!.resume('log')).apply(messages, NO_LAG);
    expect(refused).toBeGreaterThan(5);
    expect(await tablesOf(url)).toEqual(await built(messages));
  });

  it('has one writer: the lock is free when the connection of its holder ends', async () => {
    const url = await freshDatabase();
    const [first, second] = [await connect(url), await connect(url)];
    expect(await first.tryLock()).toBe(true);
    expect(await second.tryLock()).toBe(false);
    await first.close();
    expect(await second.tryLock()).toBe(true);
  });
});

describe('the metrics', () => {
  it('are what a count of the facts by hand comes to, and change no more when batches come again', async () => {
    for (const seed of [31, 32]) {
      const { messages, states } = randomLog(seed, { tasks: 60, moves: 3000 });
      const url = await freshDatabase();
      await applySplit(await (await connect(url, 30)).resume('log'), messages, seed, 120);
      const minutes = await metricsOf(url, `span = 'minute'`);
      const counted = minutes.map((row) => [minuteKey(row), countsOf(row.measures)] as const);
      const byHand = countedByHand(factsOf(messages));
      expect(new Map(counted.filter(([, counts]) => Object.values(counts).some(Boolean)))).toEqual(byHand);
      const sum = await sumOf(url, 'minute');
      const statuses = [...states.values()].filter(({ phase }) => phase !== 'cleaned').map(statusOf);
      for (const status of STATUSES)
        expect([status, sum[CHANGE_OF[status]]]).toEqual([
          status,
          statuses.filter((one) => one === status).length,
        ]);
      await queryOnce(url, 'UPDATE projections SET sequence = 0');
      await applySplit(await (await connect(url)).resume('log'), messages, seed, 120);
      expect(await metricsOf(url, `span = 'minute'`)).toEqual(minutes);
    }
  }, 60_000);

  it('are rolled up once, with what comes late, and dropped where they are old', async () => {
    const { messages } = randomLog(33, { tasks: 60, moves: 3000 });
    const url = await freshDatabase();
    const projection = await (await connect(url)).resume('log');
    const expected = noMeasures();
    const last = factsOf(messages).at(-1)!.at;
    for (let at = 0; at < messages.length; at += 500) {
      await projection.apply(messages.slice(at, at + 500), NO_LAG);
      await projection.rollUpMetrics({ before: last, minutesFrom: LONG_AGO, hoursFrom: LONG_AGO });
    }
    for (const { measures } of await metricsOf(url, `span = 'minute'`)) addMeasures(expected, measures);
    expect(await sumOf(url, 'hour')).toEqual(expected);
    expect(await sumOf(url, 'day')).toEqual(expected);
    await expectWindowsOf(url);
    expect(
      (await projection.rollUpMetrics({ before: last, minutesFrom: last, hoursFrom: last })).dropped,
    ).toBeGreaterThan(3);
    await projection.apply([submitted(messages.at(-1)!.sequence + 1)], NO_LAG);
    await projection.rollUpMetrics({ before: last, minutesFrom: last, hoursFrom: last });
    expect(await metricsOf(url, `span <> 'day' AND rolled`)).toEqual([]);
    expect((await sumOf(url, 'day')).submitted).toBe(expected.submitted + 1);
  }, 60_000);
});

describe('a message that Postgres will never take', () => {
  const random = randomNumbers(1);
  const noise = Array.from({ length: 9000 }, () => String.fromCodePoint(33 + Math.floor(random() * 90))).join(
    '',
  );
  const deep = `{"parameters":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const unstorable: Record<string, (sequence: number) => LogMessage> = {
    'a number beyond its column': (sequence) =>
      submitted(sequence, (data) => (data.attempts = { begun: 2 ** 40, failed: 0, lost: 0 })),
    'a text too long for an index': (sequence) =>
      submitted(sequence, (data) => ((data.task as Record<string, unknown>).user_id = noise)),
    'a JSON too deep': (sequence) => ({ ...submitted(sequence), data: deep }) as LogMessage,
  };

  it.each(Object.keys(unstorable))('%s is counted and passed over, alone', async (what) => {
    const { messages } = randomLog(10, { tasks: 6, moves: 200 });
    const begin = messages.at(-1)!.sequence + 1;
    const log = [...messages, submitted(begin), unstorable[what]!(begin + 1), submitted(begin + 2)];
    const url = await freshDatabase();
    const applied = await (await (await connect(url)).resume('log')).apply(log, NO_LAG);
    expect(applied.ignored).toContain(begin + 1);
    const own = await queryOnce<{ id: string }>(
      url,
      `SELECT id FROM tasks WHERE id LIKE 'own-%' ORDER BY id`,
    );
    expect(own.map(({ id }) => id)).toEqual([`own-${begin}`, `own-${begin + 2}`]);
    const split = await freshDatabase();
    await applySplit(await (await connect(split)).resume('log'), log, 10);
    expect(await tablesOf(split)).toEqual(await tablesOf(url));
  });

  it('a NUL in a text is a space in the row, and stays in the archive', async () => {
    const url = await freshDatabase();
    const message = submitted(1, (data) => ((data.task as Record<string, unknown>).user_id = 'a\0b'));
    await (await (await connect(url)).resume('log')).apply([message], NO_LAG);
    expect(await queryOnce(url, 'SELECT user_id FROM tasks')).toEqual([{ user_id: 'a b' }]);
    const [event] = await queryOnce<{ data: string }>(url, 'SELECT data::text AS data FROM task_events');
    expect(event?.data).toContain(String.raw`a\u0000b`);
  });
});

describe('a rewind', () => {
  it('takes the tables back to what they were, so that another log can go on from there', async () => {
    for (const seed of [11, 12, 13]) {
      const options = { tasks: 10, moves: 400 };
      const lost = randomLog(seed, options).messages;
      const log = randomLog(seed, { ...options, forkAt: 250 }).messages;
      const common = lost.filter((message, index) => message.fingerprint() === log[index]?.fingerprint());
      const last = common.findLast(({ type }) => type === 'fact')!;
      const url = await freshDatabase();
      const connection = await connect(url);
      await applySplit(await connection.resume('log'), lost, seed);
      const dueOf = async (wait: { id: string }) =>
        common
          .flatMap((message) =>
            message.type === 'due' && message.due.task_id === wait.id ? [message.due] : [],
          )
          .at(-1);
      const rewound = await connection.rewind({
        from: lost.at(-1)!.sequence,
        to: last.sequence,
        fingerprint: last.fingerprint(),
        dueOf,
      });
      const lostFacts = lost.filter(({ type, sequence }) => type === 'fact' && sequence > last.sequence);
      expect(rewound.lostFacts).toBe(lostFacts.length);
      await queryOnce(
        url,
        `UPDATE projections SET ignored = ${log.filter(({ type, sequence }) => type === 'junk' && sequence <= last.sequence).length}`,
      );
      await applySplit(await connection.resume('log'), log, seed);
      expect(await tablesOf(url)).toEqual(await built(log));
      const kept = await queryOnce<{ sequence: string }>(
        url,
        'SELECT sequence FROM lost_task_events ORDER BY sequence',
      );
      expect(kept.map(({ sequence }) => Number(sequence))).toEqual(lostFacts.map(({ sequence }) => sequence));
    }
  }, 60_000);
});
