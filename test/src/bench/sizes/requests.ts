import { ERROR_NAMES, NAMES, QUEUES, TAGS, USERS, WORDS } from './life-stories.js';
import type { Filled } from './fill-archive.js';
import type { Known } from './known.js';

/** Requests that are measured together. */
export interface Row {
  name: string;
  /** Another one with each call. */
  path: () => string;
}

export interface Source {
  known: Known;
  filled: Filled;
}

const LIST = '/api/v1/tasks';
const HOUR_MS = 3_600_000;

type Query = Record<string, string>;

const pick = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)] as T;
const isoOf = (ms: number): string => new Date(ms).toISOString();
const upTo = (limit: number): number => Math.floor(Math.random() * limit);
const pathOf = (path: string, query: Query): string => `${path}?${new URLSearchParams(query).toString()}`;

/** All that are measured. */
export function rowsOf({ known, filled }: Source): Row[] {
  const moment = (): string => isoOf(filled.beginMs + Math.random() * (filled.endMs - filled.beginMs));
  const filters = filtersOf(known, moment);
  const list = (name: string, query: () => Query): Row => ({
    name: `list, ${name}`,
    path: () => pathOf(LIST, query()),
  });
  const several = (count: number): Query =>
    Object.assign({}, ...Array.from({ length: count }, () => pick(Object.values(filters))())) as Query;
  return [
    list('no filter', () => ({})),
    list('no filter, by update', () => ({ sort: '-updated_at' })),
    ...Object.entries(filters).map(([name, query]) => list(name, query)),
    ...known.deep.map(({ name, queries }) => list(`${name}, deep page`, () => pick(queries))),
    list('two filters', () => several(2)),
    list('three filters', () => several(3)),
    ...figures(filled),
    ...past(known, moment),
  ];
}

/** Each filter by itself; values as they are in the tables, some of them nowhere. */
function filtersOf(known: Known, moment: () => string): Record<string, () => Query> {
  return {
    ...Object.fromEntries(known.statuses.map((status) => [`status=${status}`, () => ({ status })])),
    'two statuses': () => ({ status: 'RETRY,FAILURE' }),
    queue: () => ({ queue: pick(QUEUES) }),
    task_name: () => ({ task_name: pick(NAMES) }),
    tag: () => ({ tag: pick(TAGS) }),
    'unknown tag': () => ({ tag: 'nowhere' }),
    worker: () => ({ worker: pick(known.workers) }),
    user_id: () => ({ user_id: `user-${upTo(USERS)}` }),
    'unknown user': () => ({ user_id: 'nobody' }),
    error: () => ({ error: pick(ERROR_NAMES) }),
    'unknown error': () => ({ error: 'NoSuchError' }),
    reason: () => ({ reason: pick(['retries_spent', 'not_retryable', 'requested', 'cancelled']) }),
    'unknown reason': () => ({ reason: 'nothing' }),
    window: () => {
      const from = moment();
      return { submitted_after: from, submitted_before: isoOf(Date.parse(from) + HOUR_MS) };
    },
    'q=frequent word': () => ({ q: pick(WORDS) }),
    'q=rare text': () => ({ q: pick(known.files) }),
    'q=unknown word': () => ({ q: 'zanzibar' }),
    parameters: () => ({ parameters: JSON.stringify({ customer: upTo(5_000) }) }),
    ...(known.fingerprints.length > 0 && { fingerprint: () => ({ fingerprint: pick(known.fingerprints) }) }),
  };
}

const figures = ({ beginMs, endMs }: Filled): Row[] => [
  { name: 'metrics over 30 days', path: () => '/api/v1/tasks/metrics?window=30d' },
  {
    name: 'metrics over 30 days, one queue',
    path: () => pathOf('/api/v1/tasks/metrics', { window: '30d', queue: pick(QUEUES) }),
  },
  { name: 'metrics over 1 hour', path: () => '/api/v1/tasks/metrics?window=1h' },
  {
    name: 'metric series, 30 days by hours',
    path: () =>
      pathOf('/api/v1/tasks/metrics/series', { from: isoOf(beginMs), to: isoOf(endMs), interval: '1h' }),
  },
  { name: 'stats', path: () => '/api/v1/tasks/stats' },
  { name: 'health', path: () => '/api/v1/tasks/health' },
  { name: 'failures', path: () => '/api/v1/failures' },
  { name: 'failures of 30 days', path: () => pathOf('/api/v1/failures', { since: isoOf(beginMs) }) },
];

/** What was then. */
const past = (known: Known, moment: () => string): Row[] => [
  {
    name: 'one task at=',
    path: () => {
      const { id, at } = pick(known.moments);
      return pathOf(`${LIST}/${id}`, { at });
    },
  },
  { name: 'list at=', path: () => pathOf(LIST, { at: moment() }) },
  { name: 'counts of a queue at=', path: () => pathOf(`/api/v1/queues/${pick(QUEUES)}`, { at: moment() }) },
  { name: 'stats at=', path: () => pathOf('/api/v1/tasks/stats', { at: moment() }) },
];
