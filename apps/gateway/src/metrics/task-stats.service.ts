import { Injectable } from '@nestjs/common';
import type { Measures } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { Moments } from '../archive/moments.service.js';
import { ended, percentOf, statusCounts, sumOf, sumsBy } from './figures.js';
import { beginOf } from './task-metrics.service.js';
import type { Rates, TaskStats } from './task-stats.schema.js';

/** The counts of all tasks: sums of the metrics, however many tasks there are. */
@Injectable()
export class TaskStatsReader {
  constructor(
    private readonly archive: Archive,
    private readonly moments: Moments,
  ) {}

  /** @param at a moment of the past; now by default */
  async read(at?: string): Promise<TaskStats> {
    if (at !== undefined) await this.moments.settled(at);
    const now = at === undefined ? Date.now() : Date.parse(at);
    // Asked first, so that the counts are never older than it says.
    const { sequence, lag_ms } = await this.archive.tasks.projection();
    const { groups, ...standing } = await (at === undefined
      ? this.archive.metrics.totals({ durations: false })
      : this.archive.past.standing(at));
    const [last_minute, last_hour, last_day] = await Promise.all([
      this.#rates('1m', now, at),
      this.#rates('1h', now, at),
      this.#rates('1d', now, at),
    ]);
    const sum = sumOf(groups);
    const by_status = statusCounts(sum);
    const countsBy = (key: 'queue' | 'name'): TaskStats['by_queue'] =>
      Object.fromEntries(sumsBy(groups, key).map(([value, measures]) => [value, statusCounts(measures)]));
    return {
      total_tasks: Object.values(by_status).reduce((total, tasks) => total + tasks, 0),
      by_status,
      by_queue: countsBy('queue'),
      by_task_name: countsBy('name'),
      rates: { last_minute, last_hour, last_day },
      operations: operationsOf(sum),
      projection: { sequence, lag_ms },
      timestamp: 'at' in standing ? standing.at : new Date(now).toISOString(),
    };
  }

  async #rates(window: string, now: number, to: string | undefined): Promise<Rates> {
    const asked = beginOf(window, now);
    const { from, groups } = await this.archive.metrics.totals({
      from: asked,
      durations: false,
      ...(to !== undefined && { to }),
    });
    const sum = sumOf(groups);
    const seconds = (now - Date.parse(from ?? asked)) / 1000;
    const { submitted, started, completed, failed, retried, cancelled } = sum;
    const perSecond = (count: number): number => Math.round((count / seconds) * 1000) / 1000;
    return {
      seconds,
      submitted,
      started,
      completed,
      failed,
      retried,
      cancelled,
      started_per_second: perSecond(started),
      finished_per_second: perSecond(ended(sum)),
    };
  }
}

function operationsOf(sum: Measures): TaskStats['operations'] {
  const { paused, resumed, resumed_completed, resumed_failed, redriven, reordered, lost } = sum;
  const over = resumed_completed + resumed_failed;
  const resume_success_rate = over === 0 ? null : percentOf(resumed_completed, over);
  return {
    paused,
    resumed,
    resumed_completed,
    resumed_failed,
    resume_success_rate,
    redriven,
    reordered,
    lost,
  };
}
