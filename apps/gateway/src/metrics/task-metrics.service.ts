import { Injectable } from '@nestjs/common';
import type { Histogram, Measures, MetricPoint, MetricScope } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { ended, percentOf, percentilesOf, running, secondsOf, sumOf, sumsBy, waiting } from './figures.js';
import type { Percentiles } from './figures.js';
import type { MetricPointView, MetricSeriesView, SeriesQuery } from './metric-series.schema.js';
import type { MetricsQuery, TaskMetrics } from './metrics.schema.js';
import { secondsOf as secondsOfDuration } from './window.schema.js';

/** Where a window begins. */
export const beginOf = (window: string, now: number): string =>
  new Date(now - 1000 * secondsOfDuration(window)).toISOString();

/** What happened, from the metrics in Postgres. */
@Injectable()
export class TaskMetricsReader {
  constructor(private readonly archive: Archive) {}

  async read({ window, ...scope }: MetricsQuery): Promise<TaskMetrics> {
    const now = Date.now();
    const from = window === undefined ? {} : { from: beginOf(window, now) };
    const [totals, all] = await Promise.all([
      this.archive.metrics.totals({ ...from, ...scopeOf(scope) }),
      this.archive.metrics.totals({ ...scopeOf(scope), durations: false }),
    ]);
    const names = sumsBy(totals.groups, 'name');
    const sum = sumOf(totals.groups);
    return {
      metrics: {
        ...rates(sum),
        completed_tasks: sum.completed,
        failed_tasks: sum.failed,
        retried_tasks: sum.retried,
        cancelled_tasks: sum.cancelled,
        average_durations: byName(names, ({ runs, run_us }) => (runs > 0 ? secondsOf(run_us / runs) : null)),
        durations: percentilesBy(names, ({ run }) => run),
        waits: percentilesBy(names, ({ wait }) => wait),
        currently_running: running(sumOf(all.groups)),
      },
      window: {
        from: totals.from,
        seconds: totals.from === null ? null : (now - Date.parse(totals.from)) / 1000,
      },
      timestamp: new Date(now).toISOString(),
    };
  }

  async series({ from, to, interval, percentiles, ...scope }: SeriesQuery): Promise<MetricSeriesView> {
    const seconds = secondsOfDuration(interval);
    const options = { from, to, interval_seconds: seconds, durations: percentiles, ...scopeOf(scope) };
    const { interval_seconds, points } = await this.archive.metrics.series(options);
    return { interval_seconds, points: points.map(pointOf) };
  }
}

/** Of the tasks that ended. */
export const rates = (
  sum: Measures,
): Pick<TaskMetrics['metrics'], 'total_tasks' | 'success_rate' | 'failure_rate'> => ({
  total_tasks: ended(sum),
  success_rate: percentOf(sum.completed, ended(sum)),
  failure_rate: percentOf(sum.failed, ended(sum)),
});

const scopeOf = ({ queue, task_name }: Pick<MetricsQuery, 'queue' | 'task_name'>): MetricScope => ({
  ...(queue !== undefined && { queue }),
  ...(task_name !== undefined && { name: task_name }),
});

/** Names for which there is no such figure are left out. */
function byName<T>(names: [string, Measures][], figure: (measures: Measures) => T | null): Record<string, T> {
  return Object.fromEntries(
    names.flatMap(([name, measures]) => {
      const value = figure(measures);
      return value === null ? [] : [[name, value] as const];
    }),
  );
}

const percentilesBy = (
  names: [string, Measures][],
  histogram: (measures: Measures) => Histogram,
): Record<string, Percentiles> => byName(names, (measures) => percentilesOf(histogram(measures)));

function pointOf({ at, measures, standing }: MetricPoint): MetricPointView {
  const { submitted, started, completed, failed, retried, cancelled, lost, wait, run } = measures;
  return {
    at,
    submitted,
    started,
    completed,
    failed,
    retried,
    cancelled,
    lost,
    waiting: waiting(standing),
    running: running(standing),
    wait: percentilesOf(wait),
    duration: percentilesOf(run),
  };
}
