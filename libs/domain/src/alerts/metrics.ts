/** What a measure is counted in. */
export type AlertUnit = 'percent' | 'seconds' | 'bytes' | 'tasks';

/** What an alert rule can look at. */
export interface AlertMetricInfo {
  unit: AlertUnit;
  meaning: string;
  /** By what a rule may narrow it down, or have an alert for each. */
  scopes: readonly ('queue' | 'task_name')[];
  /** Counted over the window of the rule. */
  isWindowed: boolean;
}

const info = (
  unit: AlertUnit,
  meaning: string,
  { scopes = [], isWindowed = false }: Partial<AlertMetricInfo> = {},
): AlertMetricInfo => ({ unit, meaning, scopes, isWindowed });

const OF_TASKS = ['queue', 'task_name'] as const;
const OF_QUEUES = ['queue'] as const;

/** Every measure that alert rules know. */
export const ALERT_METRICS = {
  failure_rate: info('percent', 'of the tasks that succeeded or failed in the window, those that failed', {
    scopes: OF_TASKS,
    isWindowed: true,
  }),
  dead_letters: info('tasks', 'tasks that failed for good in the window', {
    scopes: OF_TASKS,
    isWindowed: true,
  }),
  task_duration: info('seconds', 'how long a running task has run; an alert for each task', {
    scopes: OF_TASKS,
  }),
  queue_depth: info('tasks', 'tasks that wait for their turn or for a slot', { scopes: OF_QUEUES }),
  oldest_wait: info('seconds', 'how long the first task in the order of a queue has waited for its turn', {
    scopes: OF_QUEUES,
  }),
  no_worker: info('tasks', 'tasks that wait in a queue which no live worker serves', { scopes: OF_QUEUES }),
  memory: info('bytes', 'resident memory of a worker; an alert for each worker'),
  projection_lag: info('seconds', 'how far the read models are behind the log'),
  postgres_away: info('seconds', 'since when Postgres has not answered the scheduler'),
  store_usage: info('percent', 'how full the store of the broker is'),
  log_held_back: info('tasks', '1 while something keeps the log from being shortened, else 0'),
} as const satisfies Record<string, AlertMetricInfo>;

/** The name of a measure. */
export type AlertMetric = keyof typeof ALERT_METRICS;

/** The names of all measures. */
export const ALERT_METRIC_NAMES = Object.keys(ALERT_METRICS) as [AlertMetric, ...AlertMetric[]];
