import { Injectable } from '@nestjs/common';
import { ALERT_THRESHOLDS, severityOf } from '@millrace/domain';
import type { ThresholdMetric } from '@millrace/domain';
import { Archive } from '../archive/archive.js';
import { Workers } from '../workers/workers.service.js';
import { sumOf } from './figures.js';
import type { HealthAlert, HealthQuery, TaskHealth } from './metrics.schema.js';
import { beginOf, rates } from './task-metrics.service.js';

/** Who has more has other worries than a list of them all. */
const LONG_RUNS = 100;
const GIGABYTE = 1024 ** 3;

/** What is wrong at this moment, judged by the thresholds. */
@Injectable()
export class TaskHealthReader {
  constructor(
    private readonly archive: Archive,
    private readonly workers: Workers,
  ) {}

  async read({ window }: HealthQuery): Promise<TaskHealth> {
    const now = Date.now();
    const longAgo = new Date(now - ALERT_THRESHOLDS.task_duration.warning * 1000).toISOString();
    const [totals, runs, workers] = await Promise.all([
      this.archive.metrics({ from: beginOf(window, now), durations: false }),
      this.archive.longRuns(longAgo, LONG_RUNS),
      this.workers.list({}),
    ]);
    const metrics = rates(sumOf(totals.groups));
    const alerts = [
      failureRate(metrics.failure_rate, window),
      ...runs.map(({ id, started_at }) => longRun(id, (now - Date.parse(started_at)) / 1000)),
      ...workers.map(({ worker_id, memory_bytes }) => memory(worker_id, memory_bytes)),
    ].flatMap((alert) => alert ?? []);
    alerts.sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
    return {
      status: alerts[0]?.severity ?? 'healthy',
      metrics,
      alerts,
      timestamp: new Date(now).toISOString(),
    };
  }
}

const failureRate = (percent: number, window: string): HealthAlert | undefined =>
  alertOf('failure_rate', percent, `${percent} % of the tasks that ended in the last ${window} have failed`);

function longRun(task_id: string, seconds: number): HealthAlert | undefined {
  const whole = Math.floor(seconds);
  const alert = alertOf('task_duration', whole, `Task ${task_id} running for ${whole} seconds`);
  return alert && { ...alert, task_id };
}

function memory(worker_id: string, bytes: number): HealthAlert | undefined {
  const gigabytes = (bytes / GIGABYTE).toFixed(2);
  const alert = alertOf('memory_usage', bytes, `Worker ${worker_id} uses ${gigabytes} GB of memory`);
  return alert && { ...alert, worker_id };
}

function alertOf(metric: ThresholdMetric, value: number, message: string): HealthAlert | undefined {
  const severity = severityOf(value, ALERT_THRESHOLDS[metric]);
  return severity && { severity, message, metric, value };
}
