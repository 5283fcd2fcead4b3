import { openDatabase } from '@millrace/read-model';
import type { BenchSystem } from '../bench-system.js';
import { quantiles } from '../load.js';
import { figure } from '../measurements.js';
import type { Figure, Measurement } from '../measurements.js';
import { checkArchive } from './check-archive.js';
import { explainList } from './explain-list.js';
import { fillArchive } from './fill-archive.js';
import type { Filled } from './fill-archive.js';
import { knownOf } from './known.js';
import { QUEUES } from './life-stories.js';
import { rowsOf } from './requests.js';
import type { Row } from './requests.js';

export interface SizesOptions {
  tasks: number;
  /** Of each kind that is measured. */
  requests: number;
  /** Whether the plans of the slowest lists are printed. */
  explain: boolean;
}

/** Plans that are printed. */
const EXPLAINED = 8;
const EXPORTED_MS = 3_600_000;
const PATIENCE_MS = 600_000;

interface Timed {
  row: Row;
  times: number[];
  slowest: { path: string; ms: number };
}

/** What is asked of so many tasks of thirty days in Postgres, over HTTP; the log is empty, and no projector runs. */
export const sizes =
  ({ tasks, requests, explain }: SizesOptions): Measurement =>
  async (system) => {
    await system.stopApp('projector');
    await system.stopApp('scheduler');
    for (const queue of QUEUES) await system.log.provisionQueue(queue, 'bench');
    const filled = await fillArchive(system, tasks);
    const database = openDatabase(system.databaseUrl, { readTimeoutMs: PATIENCE_MS });
    await checkArchive(database);
    const known = await knownOf(system, database, filled);
    const timed: Timed[] = [];
    for (const row of rowsOf({ known, filled })) {
      const answered = (await isKnown(system, row)) && (await timedRow(system, row, requests));
      if (!answered) continue;
      timed.push(answered);
      for (const { name, value } of figuresOf(answered)) console.error(`  ${name}: ${value.toFixed(1)} ms`);
    }
    const exported = await exportRate(system, filled);
    if (explain) {
      const lists = timed.filter(({ row }) => row.name.startsWith('list, '));
      lists.sort((a, b) => b.slowest.ms - a.slowest.ms);
      for (const { slowest } of lists.slice(0, EXPLAINED)) console.log(await explainList(system, slowest));
    }
    await database.close();
    return [
      figure('sizes: tasks', '', filled.tasks),
      figure('sizes: facts', '', filled.facts),
      figure('sizes: filled', 'tasks/s', filled.tasks / filled.seconds),
      ...timed.flatMap(figuresOf),
      ...exported,
    ];
  };

const figuresOf = ({ row, times }: Timed): Figure[] =>
  quantiles(times, 0.5, 0.95).map((ms, index) => figure(`${row.name}, p${index === 0 ? 50 : 95}`, 'ms', ms));

/** Where a moment that is none is no fault, moments are not looked at. */
async function isKnown(system: BenchSystem, row: Row): Promise<boolean> {
  const path = row.path();
  const nonsense = path.replace(/\bat=[^&]+/, 'at=never');
  if (nonsense === path) return true;
  const { statusCode, body } = await system.http.request({
    path: nonsense,
    method: 'GET',
    headers: system.headers,
  });
  await body.dump();
  if (statusCode !== 400) console.error(`  left out: ${path} knows no moments`);
  return statusCode === 400;
}

/** One after the other, as one who looks at a page asks. Undefined where the gateway knows no such request. */
async function timedRow(system: BenchSystem, row: Row, requests: number): Promise<Timed | undefined> {
  const times: number[] = [];
  const slowest = { path: '', ms: 0 };
  // The first one is not counted: it plans, and opens connections.
  for (let request = 0; request <= requests; request++) {
    const path = row.path();
    const since = performance.now();
    const { statusCode, body } = await system.http.request({ path, method: 'GET', headers: system.headers });
    const text = await body.text();
    const ms = performance.now() - since;
    if (request === 0 && (statusCode === 400 || statusCode === 404)) {
      console.error(`  left out, for ${path} answered ${statusCode}`);
      return undefined;
    }
    if (statusCode !== 200)
      console.error(`  ${path} answered ${statusCode} after ${Math.round(ms)} ms: ${text}`);
    if (request === 0) continue;
    // Whoever was refused waits for ever.
    times.push(statusCode === 200 ? ms : Infinity);
    if (ms > slowest.ms) Object.assign(slowest, { path, ms });
  }
  return { row, times, slowest };
}

/** The events of some hours, as NDJSON. */
async function exportRate(system: BenchSystem, { beginMs, endMs }: Filled): Promise<Figure[]> {
  const from = new Date((beginMs + endMs) / 2).toISOString();
  const to = new Date((beginMs + endMs) / 2 + EXPORTED_MS).toISOString();
  const path = `/api/v1/export/events?${new URLSearchParams({ from, to }).toString()}`;
  const since = performance.now();
  const { statusCode, body } = await system.http.request({ path, method: 'GET', headers: system.headers });
  let lines = 0;
  for await (const chunk of body) for (const byte of chunk as Buffer) if (byte === NEW_LINE) lines++;
  if (statusCode === 404) return [];
  if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}.`);
  return [figure('export', 'events/s', (lines / (performance.now() - since)) * 1000)];
}

const NEW_LINE = 10;
