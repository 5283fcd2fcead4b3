import {
  ProjectionConnection,
  SearchIndexer,
  dropIndexes,
  migrate,
  openDatabase,
} from '@millrace/read-model';
import type { Database, LogMessage, TaskProjection } from '@millrace/read-model';
import type { BenchSystem } from '../bench-system.js';
import { copyMetrics } from './copied-metrics.js';
import { copyTable, takeApart } from './copies.js';
import type { Block, Copy } from './copies.js';
import { LONGEST_STORY_MS, endedStory, liveStory } from './life-stories.js';
import { storyLog } from './story-log.js';
import type { StoryLogOptions } from './story-log.js';

/** What is in the tables. */
export interface Filled {
  tasks: number;
  facts: number;
  /** When the first task was submitted, and when the last fact was written. */
  beginMs: number;
  endMs: number;
  seconds: number;
}

const HOUR_MS = 3_600_000;
const DAYS = 30;
const BLOCK_HOURS = 6;
const COPIES = (DAYS * 24) / BLOCK_HOURS;
const BLOCK = { schema: 'bench_block', hours: BLOCK_HOURS };
const LIVE_MS = 14 * 60_000;
const LIVE_TASKS = 2_000;
const MINUTES_KEPT_MS = 48 * HOUR_MS;
const BATCH = 1_000;
const SEARCHED_AT_ONCE = 5_000;
const SEED = 7;
const PATIENCE_MS = 3_600_000;
const NO_LAG = { lag_ms: 0, lag_messages: 0 };

/**
 * Fills the tables with so many tasks of the last thirty days, and some that are under way. One block of six hours is told by the domain
 * and written by the projection; the others are its copies, with other ids, sequences and times. The projector must not run.
 */
export async function fillArchive(system: BenchSystem, tasks: number): Promise<Filled> {
  const began = performance.now();
  const database = openDatabase(system.databaseUrl, { readTimeoutMs: PATIENCE_MS, connections: 2 });
  const nowMs = Date.now();
  const endMs = Math.floor((nowMs - LIVE_MS) / HOUR_MS) * HOUR_MS;
  const beginMs = endMs - DAYS * 24 * HOUR_MS;
  const random = randomNumbers(SEED);
  const told = {
    tasks: Math.ceil(tasks / COPIES),
    story: endedStory,
    random,
    beginMs,
    lastMs: beginMs + BLOCK.hours * HOUR_MS - LONGEST_STORY_MS,
    endMs: beginMs + BLOCK.hours * HOUR_MS,
    after: 0,
    prefix: 'b',
  };
  const block = await writeBlock(system, told);
  tell(`A block of ${told.tasks} tasks is written`, began);
  await copyBlock(database, block, { beginMs, nowMs });
  tell('All copies are written', began);
  await writeLive(system, COPIES * block.sequence, {
    tasks: Math.min(LIVE_TASKS, Math.ceil(tasks / 100)),
    story: liveStory,
    random,
    beginMs: nowMs - LIVE_MS,
    lastMs: nowMs,
    endMs: nowMs,
    after: COPIES * block.sequence,
    prefix: 'live',
  });
  await database.rows(`DROP SCHEMA ${block.schema} CASCADE`);
  await fillSearch(system, database);
  tell('The index of searches is written', began);
  await database.rows('VACUUM ANALYZE');
  tell('All is written and analysed', began);
  const [counted] = await database.rows<Pick<Filled, 'tasks' | 'facts'>>(
    'SELECT (SELECT count(*) FROM tasks) AS tasks, (SELECT count(*) FROM task_events) AS facts',
  );
  await database.close();
  return {
    tasks: 0,
    facts: 0,
    ...counted,
    beginMs,
    endMs: nowMs,
    seconds: (performance.now() - began) / 1000,
  };
}

const tell = (what: string, began: number): void => {
  console.error(`  ${what} after ${Math.round((performance.now() - began) / 1000)} s`);
};

async function writeBlock({ databaseUrl }: BenchSystem, options: StoryLogOptions): Promise<Block> {
  await migrate(databaseUrl, { schema: BLOCK.schema });
  const connection = await ProjectionConnection.open(databaseUrl, { schema: BLOCK.schema });
  const projection = await connection.resume('bench');
  await apply(projection, storyLog(options));
  const allTime = new Date(0).toISOString();
  const rolledUp = {
    before: new Date(options.endMs).toISOString(),
    minutesFrom: allTime,
    hoursFrom: allTime,
  };
  while (!(await projection.rollUpMetrics(rolledUp)).done);
  await connection.close();
  return { schema: BLOCK.schema, sequence: projection.sequence };
}

async function apply(projection: TaskProjection, messages: Iterable<LogMessage>): Promise<void> {
  let batch: LogMessage[] = [];
  for (const message of messages) {
    if (batch.push(message) < BATCH) continue;
    await projection.apply(batch, NO_LAG);
    batch = [];
  }
  await projection.apply(batch, NO_LAG);
}

const COPIED = ['tasks', 'failures', 'task_events'];

async function copyBlock(
  database: Database,
  block: Block,
  { beginMs, nowMs }: { beginMs: number; nowMs: number },
): Promise<void> {
  await takeApart(database, block);
  await makeDays(database, beginMs, nowMs);
  const makeAgain = await dropIndexes(database, COPIED, { keys: true });
  const copies = Array.from({ length: COPIES }, (_, number): Copy => ({
    number,
    shiftMs: number * BLOCK.hours * HOUR_MS,
  }));
  // Each table in the order of its sequences, as the projector would have written it.
  await Promise.all(
    COPIED.map(async (table) => {
      for (const copy of copies) await copyTable(database, table, block, copy);
    }),
  );
  await copyMetrics(database, block, {
    shiftsMs: copies.map(({ shiftMs }) => shiftMs),
    minutesFromMs: nowMs - MINUTES_KEPT_MS,
  });
  for (const make of makeAgain) await database.rows(make);
}

/** The parts of the archive; named as the projector names them. */
async function makeDays(database: Database, fromMs: number, toMs: number): Promise<void> {
  for (let ms = fromMs; dayOf(ms) <= dayOf(toMs); ms += 24 * HOUR_MS) {
    const table = `task_events_${dayOf(ms).replaceAll('-', '')}`;
    await database.rows(
      `CREATE TABLE IF NOT EXISTS ${table} PARTITION OF task_events FOR VALUES FROM ('${dayOf(ms)}T00:00:00Z') TO ('${dayOf(ms + 24 * HOUR_MS)}T00:00:00Z')`,
    );
  }
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** Written as the projector writes: from where the copies end. */
async function writeLive(system: BenchSystem, sequence: number, options: StoryLogOptions): Promise<void> {
  const { createdAt } = await system.log.admin.state();
  const connection = await ProjectionConnection.open(system.databaseUrl);
  await connection.resume(createdAt);
  await system.database.rows(`UPDATE projections SET sequence = $1 WHERE name = 'tasks'`, [sequence]);
  await apply(await connection.resume(createdAt), storyLog(options));
  await connection.close();
}

/** As the projector does it, but for the index of words and JSON, which is made at once. */
async function fillSearch({ databaseUrl }: BenchSystem, database: Database): Promise<void> {
  const makeAgain = await dropIndexes(database, ['task_search'], { keys: false });
  const indexer = await SearchIndexer.open(databaseUrl);
  while ((await indexer.next(SEARCHED_AT_ONCE)).tasks === SEARCHED_AT_ONCE);
  await indexer.close();
  for (const make of makeAgain) await database.rows(make);
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
