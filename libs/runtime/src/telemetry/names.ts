/** What is told of a metric beside its numbers. */
export interface MetricInfo {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  /** The apps that tell of it; absent: all. */
  apps?: readonly string[];
}

const OF_TASKS = ['queue', 'task_name'] as const;

/** Every metric of ours by its name, as Prometheus has it. `docs/reference/prometheus.md` has a row for each. */
export const METRICS = {
  millrace_log_connected: {
    type: 'gauge',
    help: 'Whether the broker is connected: 1, else 0',
    labels: [],
  },
  millrace_http_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from a request to its answer, by route and class of status',
    labels: ['method', 'route', 'status'],
    apps: ['gateway'],
  },
  millrace_tasks_submitted_total: {
    type: 'counter',
    help: 'Tasks submitted, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_started_total: {
    type: 'counter',
    help: 'Attempts begun, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_succeeded_total: {
    type: 'counter',
    help: 'Tasks that succeeded, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_failed_total: {
    type: 'counter',
    help: 'Tasks that failed for good, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_retried_total: {
    type: 'counter',
    help: 'Attempts that failed and are tried again, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_cancelled_total: {
    type: 'counter',
    help: 'Tasks that were cancelled, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_tasks_lost_total: {
    type: 'counter',
    help: 'Attempts lost with their worker, by the read model',
    labels: OF_TASKS,
    apps: ['gateway'],
  },
  millrace_queue_depth: {
    type: 'gauge',
    help: 'Tasks that wait for their turn or for a slot',
    labels: ['queue'],
    apps: ['gateway'],
  },
  millrace_queue_scheduled: {
    type: 'gauge',
    help: 'Tasks that wait for a time',
    labels: ['queue'],
    apps: ['gateway'],
  },
  millrace_queue_running: {
    type: 'gauge',
    help: 'Tasks that run',
    labels: ['queue'],
    apps: ['gateway'],
  },
  millrace_queue_oldest_wait_seconds: {
    type: 'gauge',
    help: 'How long the first task of the queue has waited for its turn; 0 without any',
    labels: ['queue'],
    apps: ['gateway'],
  },
  millrace_projection_lag_seconds: {
    type: 'gauge',
    help: 'How far the read models are behind the log',
    labels: [],
    apps: ['gateway'],
  },
  millrace_workers: {
    type: 'gauge',
    help: 'Workers that have given a sign of life in the last 15 seconds',
    labels: ['status'],
    apps: ['gateway'],
  },
  millrace_alerts_open: {
    type: 'gauge',
    help: 'Alerts that are open',
    labels: ['rule', 'severity'],
    apps: ['gateway'],
  },
  millrace_log_store_usage_ratio: {
    type: 'gauge',
    help: 'How full the store of the broker is, from 0 to 1',
    labels: [],
    apps: ['gateway'],
  },
  millrace_task_duration_seconds: {
    type: 'histogram',
    help: 'Run time of attempts that ended in this process',
    labels: [...OF_TASKS, 'outcome'],
    apps: ['worker'],
  },
  millrace_worker_slots: {
    type: 'gauge',
    help: 'Handlers that may run at once in this process',
    labels: [],
    apps: ['worker'],
  },
  millrace_worker_running: {
    type: 'gauge',
    help: 'Handlers that run in this process',
    labels: [],
    apps: ['worker'],
  },
  millrace_projected_messages_total: {
    type: 'counter',
    help: 'Messages of the log that this process has written into the read models',
    labels: [],
    apps: ['projector'],
  },
  millrace_scheduler_leads: {
    type: 'gauge',
    help: 'Whether this process leads the concern: 1, else 0',
    labels: ['concern'],
    apps: ['scheduler'],
  },
} as const satisfies Record<string, MetricInfo>;

/** The name of a metric of ours. */
export type MetricName = keyof typeof METRICS;
