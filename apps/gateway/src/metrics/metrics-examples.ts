import type { MetricSeriesView } from './metric-series.schema.js';
import type { TaskHealth, TaskMetrics } from './metrics.schema.js';
import type { Rates, StatusCounts, TaskStats } from './task-stats.schema.js';

const TIMESTAMP = '2026-03-01T09:35:30.000Z';

const counts: StatusCounts = {
  PENDING: 12,
  STARTED: 1,
  PROCESSING: 2,
  SUCCESS: 135,
  FAILURE: 10,
  RETRY: 1,
  REVOKED: 5,
  PAUSED: 0,
};

const rates: Rates = {
  seconds: 3630,
  submitted: 40,
  started: 41,
  completed: 38,
  failed: 1,
  retried: 2,
  cancelled: 0,
  started_per_second: 0.011,
  finished_per_second: 0.011,
};

const stats: TaskStats = {
  total_tasks: 166,
  by_status: counts,
  by_queue: { cpu_intensive: counts },
  by_task_name: { automated_gather_creation: counts },
  rates: {
    last_minute: { ...rates, seconds: 90, submitted: 1, started: 1, completed: 0, failed: 0, retried: 0 },
    last_hour: rates,
    last_day: { ...rates, seconds: 86_430, submitted: 166, started: 159, completed: 135, failed: 10 },
  },
  operations: {
    paused: 4,
    resumed: 5,
    resumed_completed: 4,
    resumed_failed: 1,
    resume_success_rate: 80,
    redriven: 2,
    reordered: 3,
    lost: 0,
  },
  projection: { sequence: 812, lag_ms: 0 },
  timestamp: TIMESTAMP,
};

const metrics: TaskMetrics = {
  metrics: {
    total_tasks: 150,
    completed_tasks: 135,
    failed_tasks: 10,
    retried_tasks: 5,
    cancelled_tasks: 5,
    success_rate: 90,
    failure_rate: 6.67,
    average_durations: { automated_gather_creation: 245.5 },
    durations: { automated_gather_creation: { p50: 240.1, p95: 310.7, p99: 402.3 } },
    waits: { automated_gather_creation: { p50: 0.004, p95: 12.3, p99: 40.2 } },
    currently_running: 3,
  },
  window: { from: null, seconds: null },
  timestamp: TIMESTAMP,
};

const series: MetricSeriesView = {
  interval_seconds: 3600,
  points: [
    {
      at: '2026-03-01T08:00:00.000Z',
      submitted: 40,
      started: 41,
      completed: 38,
      failed: 1,
      retried: 2,
      cancelled: 0,
      lost: 0,
      waiting: 13,
      running: 3,
      wait: { p50: 0.004, p95: 12.3, p99: 40.2 },
      duration: { p50: 240.1, p95: 310.7, p99: 402.3 },
    },
  ],
};

const health: TaskHealth = {
  status: 'warning',
  metrics: { total_tasks: 150, success_rate: 90, failure_rate: 6.67 },
  alerts: [
    {
      severity: 'warning',
      message: 'Task abc123 running for 520 seconds',
      metric: 'task_duration',
      value: 520,
      rule: 'task_duration',
      queue: 'cpu_intensive',
      task_name: 'automated_gather_creation',
      task_id: 'abc123',
    },
  ],
  timestamp: TIMESTAMP,
};

export const metricsExamples = { stats, metrics, series, health };
