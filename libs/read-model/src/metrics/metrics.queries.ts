import type { Database } from '../database/database.js';
import { addTo } from './histogram.js';
import { NUMBERS, addMeasures, noMeasures } from './measures.js';
import type { Measures, MetricNumber } from './measures.js';
import { pointsOf, seriesPlanOf } from './metric-series.js';
import type { MetricSeries, SeriesOptions } from './metric-series.js';
import { CHOSEN, EARLIEST, chosenValues } from './metric-window.js';
import type { MetricScope } from './metric-window.js';
import { LEAST_KEPT, SPAN_MS } from './spans.js';
import { planOf, spanAround } from './window-pieces.js';
import type { Kept, Plan } from './window-pieces.js';

/** Times in ISO-8601; both may be left out. */
export interface MetricWindow extends MetricScope {
  /** From this time on; the whole minute counts. Defaults to the beginning. */
  from?: string;
  /** Up to this time; its minute does not count. Defaults to now and later. */
  to?: string;
  /** Whether the histograms are wanted, too. Defaults to true. */
  durations?: boolean;
}

/** What happened in a window. */
export interface MetricTotals {
  /** Where it begins; null without a beginning. Earlier than asked for where minutes or hours are no longer kept. */
  from: string | null;
  /** Where it ends; null without an end. */
  to: string | null;
  /** For each queue and task name in which anything happened. */
  groups: MetricGroup[];
}

export interface MetricGroup {
  queue: string;
  name: string;
  measures: Measures;
}

/** What an interval has of a queue and a task name. */
export interface MetricStep {
  /** Its beginning. */
  at: string;
  queue: string;
  name: string;
  succeeded: number;
  failed: number;
  /** How many more tasks waited for their turn at its end than at its beginning, less those that wait for a time. */
  waiting: number;
}

export interface MetricSteps {
  /** In the order of their times. */
  steps: MetricStep[];
  /** How many waited at the beginning of the first. */
  before: Pick<MetricStep, 'queue' | 'name' | 'waiting'>[];
}

/** What happened, in numbers. It lags behind the log as the tasks do. */
export class MetricsQueries {
  constructor(private readonly database: Database) {}

  /** Sums and durations of a window, of whatever length: it reads some hundred rows for each queue and name at most. */
  async totals({ from, to, durations = true, ...scope }: MetricWindow = {}): Promise<MetricTotals> {
    const begin = from === undefined ? -Infinity : Date.parse(from);
    const end = to === undefined ? Infinity : Date.parse(to);
    const plan = planOf(begin, end, await this.#kept());
    const groups = await this.#groups(plan, scope, durations);
    return { from: timeOf(plan.from), to: timeOf(plan.to), groups };
  }

  /** How many tasks were in each status, by the changes up to a time (less those of its minute; by default all): `in_…` of the measures. */
  standing(at?: string, scope: MetricScope = {}): Promise<MetricTotals> {
    return this.totals({ ...(at !== undefined && { to: at }), ...scope, durations: false });
  }

  /** Where the minute begins and ends that holds a time; the hour or day where shorter spans are no longer kept. */
  async spanAround(at: string): Promise<{ from: string; to: string }> {
    const { from, to } = spanAround(Date.parse(at), await this.#kept());
    return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  }

  /** Sums and durations by intervals, the empty ones too. */
  async series({
    from,
    to,
    interval_seconds,
    durations = true,
    ...scope
  }: SeriesOptions): Promise<MetricSeries> {
    const kept = await this.#kept();
    const plan = seriesPlanOf(Date.parse(from), Date.parse(to), interval_seconds, kept);
    const values = [...chosenValues(plan, scope), plan.stepMs / 1000];
    const sums = await this.database.rows<NumbersRow & { bin: string }>(BINNED, values);
    const buckets = durations
      ? await this.database.rows<BucketRow & { bin: string }>(BINNED_BUCKETS, values)
      : [];
    const before = await this.#groups(planOf(-Infinity, plan.from, kept), scope, false);
    const standing = noMeasures();
    for (const { measures } of before) addMeasures(standing, measures);
    const bins = new Map<string, Measures>();
    for (const { bin, ...numbers } of sums) bins.set(bin, { ...noMeasures(), ...numbers });
    for (const { bin, ...row } of buckets) addBucket(bins.get(bin), row);
    return pointsOf(plan, bins, standing);
  }

  /** What alert rules ask of the past, by whole minutes, hours or days; intervals in which nothing of that happened are left out. */
  async steps({
    from,
    to,
    interval_seconds,
    ...scope
  }: Omit<SeriesOptions, 'durations'>): Promise<MetricSteps> {
    const kept = await this.#kept();
    const plan = seriesPlanOf(Date.parse(from), Date.parse(to), interval_seconds, ALL_KEPT);
    const values = [...chosenValues(plan, scope), interval_seconds];
    const [steps, before] = await Promise.all([
      this.database.rows<MetricStep>(STEPS, values),
      this.#groups(planOf(-Infinity, plan.from, kept), scope, false),
    ]);
    return {
      steps,
      before: before.map(({ queue, name, measures: { in_pending, in_delayed } }) => ({
        queue,
        name,
        waiting: in_pending - in_delayed,
      })),
    };
  }

  async #groups(plan: Plan, scope: MetricScope, durations: boolean): Promise<MetricGroup[]> {
    const values = chosenValues(plan, scope);
    const buckets = (sql: string): Promise<GroupedBucket[]> =>
      durations ? this.database.rows<GroupedBucket>(sql, values) : Promise.resolve([]);
    const [sums, waits, runs] = await Promise.all([
      this.database.rows<NumbersRow & Pick<MetricGroup, 'queue' | 'name'>>(SUMS, values),
      buckets(WAITS),
      buckets(RUNS),
    ]);
    const groups = new Map<string, MetricGroup>();
    for (const { queue, name, ...numbers } of sums)
      groups.set(`${queue} ${name}`, { queue, name, measures: { ...noMeasures(), ...numbers } });
    for (const { queue, name, ...row } of [...waits, ...runs])
      addBucket(groups.get(`${queue} ${name}`)?.measures, row);
    return [...groups.values()];
  }

  async #kept(): Promise<Kept> {
    const [row] = await this.database.rows<{ minutes: string | null; hours: string | null }>(EARLIEST);
    const sinceWhen = (text: string | null | undefined, atLeastMs: number): number =>
      text ? Math.min(Date.parse(text), Date.now() - atLeastMs) : -Infinity;
    return {
      minutes: sinceWhen(row?.minutes, LEAST_KEPT.minutesOfHours * SPAN_MS.hour),
      hours: sinceWhen(row?.hours, LEAST_KEPT.hoursOfDays * SPAN_MS.day),
    };
  }
}

type NumbersRow = Record<MetricNumber, number>;

interface BucketRow {
  what: 'wait' | 'run';
  bucket: number;
  count: number;
}

type GroupedBucket = BucketRow & Pick<MetricGroup, 'queue' | 'name'>;

/** The statements are of several moments: what came in between has no group yet. */
function addBucket(measures: Measures | undefined, { what, bucket, count }: BucketRow): void {
  if (measures) addTo(measures[what], bucket, count);
}

const timeOf = (time: number): string | null => (Number.isFinite(time) ? new Date(time).toISOString() : null);

/** Whoever asks for intervals that are gone finds none. */
const ALL_KEPT: Kept = { minutes: -Infinity, hours: -Infinity };

const SUMMED = NUMBERS.map((number) => `sum(${number})::bigint AS ${number}`).join(', ');
const COUNTED = `
  CROSS JOIN LATERAL (
    SELECT 'wait' AS what, bucket, count FROM unnest(wait_buckets, wait_counts) AS waits (bucket, count)
    UNION ALL SELECT 'run', bucket, count FROM unnest(run_buckets, run_counts) AS runs (bucket, count)
  ) AS counted`;
const INTERVAL = `date_bin(make_interval(secs => $8), at, '1970-01-01T00:00:00Z')`;
const BIN = `${INTERVAL} AS bin`;

const SUMS = `${CHOSEN} SELECT queue, name, ${SUMMED} FROM chosen GROUP BY queue, name ORDER BY queue, name`;
/** Half of a long window each, so that two cores of Postgres can add them up. */
const [WAITS, RUNS] = (['wait', 'run'] as const).map(
  (what) => `${CHOSEN} SELECT queue, name, '${what}' AS what, bucket, sum(count)::bigint AS count
    FROM chosen CROSS JOIN LATERAL unnest(${what}_buckets, ${what}_counts) AS counted (bucket, count)
    GROUP BY queue, name, bucket`,
) as [string, string];
const STEPS = `${CHOSEN} SELECT ${INTERVAL} AS at, queue, name, sum(completed)::bigint AS succeeded,
    sum(failed)::bigint AS failed, sum(in_pending - in_delayed)::bigint AS waiting
  FROM chosen WHERE completed > 0 OR failed > 0 OR in_pending <> in_delayed GROUP BY 1, queue, name ORDER BY 1`;
const BINNED = `${CHOSEN} SELECT ${BIN}, ${SUMMED} FROM chosen GROUP BY bin`;
const BINNED_BUCKETS = `${CHOSEN} SELECT ${BIN}, what, bucket, sum(count)::bigint AS count
  FROM chosen ${COUNTED} GROUP BY bin, what, bucket`;
