/** How bad an alert is. */
export type Severity = 'warning' | 'critical';

/** What is compared with a threshold. */
export type ThresholdMetric = 'failure_rate' | 'task_duration' | 'memory_usage';

/** A value above it is one to be told. */
export interface AlertThreshold {
  unit: 'percent' | 'seconds' | 'bytes';
  warning: number;
  critical: number;
}

const GIGABYTE = 1024 ** 3;

/** From when on something is told unless somebody says otherwise. */
export const ALERT_THRESHOLDS: Readonly<Record<ThresholdMetric, AlertThreshold>> = {
  /** Tasks that failed for good, of those that ended. */
  failure_rate: { unit: 'percent', warning: 10, critical: 20 },
  /** How long an attempt has been running. */
  task_duration: { unit: 'seconds', warning: 8 * 60, critical: 9.5 * 60 },
  /** Resident memory of a worker process. */
  memory_usage: { unit: 'bytes', warning: 1.5 * GIGABYTE, critical: 1.9 * GIGABYTE },
};

/** How bad a value is; undefined when it is not above the threshold. */
export function severityOf(
  value: number,
  { warning, critical }: Pick<AlertThreshold, 'warning' | 'critical'>,
): Severity | undefined {
  if (value > critical) return 'critical';
  return value > warning ? 'warning' : undefined;
}
