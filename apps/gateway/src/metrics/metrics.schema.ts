import { z } from 'zod';
import { Name } from '../tasks/submit-task.schema.js';
import { duration } from './window.schema.js';

export const MetricsQuery = z.strictObject({
  window: duration.optional().meta({
    description: 'How far back, such as 15m, 1h or 30d, in whole minutes. By default since the beginning.',
    example: '1h',
  }),
  queue: Name.optional(),
  task_name: Name.optional(),
});
export type MetricsQuery = z.infer<typeof MetricsQuery>;

const percent = z.number().meta({ description: 'Percent of total_tasks, two decimals.' });
const seconds = z.number();

const shape = {
  total_tasks: z.int().meta({ description: 'Tasks that ended in the window: completed, failed, cancelled.' }),
  success_rate: percent,
  failure_rate: percent,
};

export const TaskMetrics = z
  .object({
    metrics: z.object({
      total_tasks: shape.total_tasks,
      completed_tasks: z.int(),
      failed_tasks: z.int(),
      retried_tasks: z.int().meta({ description: 'Attempts that failed and were, or will be, tried again.' }),
      cancelled_tasks: z.int(),
      success_rate: shape.success_rate,
      failure_rate: shape.failure_rate,
      average_durations: z.record(z.string(), seconds).meta({
        description: 'By task name: mean duration of the attempts that succeeded or failed, in seconds.',
      }),
      durations: z.record(z.string(), z.object({ p50: seconds, p95: seconds, p99: seconds })),
      waits: z
        .record(z.string(), z.object({ p50: seconds, p95: seconds, p99: seconds }))
        .meta({ description: 'By task name: how long tasks waited for their start once it was their turn.' }),
      currently_running: z.int(),
    }),
    window: z
      .object({ from: z.string().nullable(), seconds: z.number().nullable() })
      .meta({ description: 'What was counted; null: since the beginning.' }),
    timestamp: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'TaskMetrics' });
export type TaskMetrics = z.infer<typeof TaskMetrics>;

export const HealthQuery = z.strictObject({
  window: duration.optional().meta({
    description:
      'What metrics and the failure rate are of. By default metrics are of the last hour, and the failure rate is of the window of its rule.',
    example: '1h',
  }),
});
export type HealthQuery = z.infer<typeof HealthQuery>;

export const HealthAlert = z
  .object({
    severity: z.enum(['warning', 'critical']),
    message: z.string(),
    metric: z.enum(['failure_rate', 'task_duration', 'memory_usage']),
    value: z.number().meta({ description: 'Percent, seconds or bytes.' }),
    rule: z.string().meta({ description: 'The alert rule that says so.' }),
    queue: z.string().optional(),
    task_name: z.string().optional(),
    task_id: z.string().optional(),
    worker_id: z.string().optional(),
  })
  .meta({ id: 'HealthAlert' });
export type HealthAlert = z.infer<typeof HealthAlert>;

export const TaskHealth = z
  .object({
    status: z.enum(['healthy', 'warning', 'critical']),
    metrics: z.object(shape),
    alerts: z.array(HealthAlert),
    timestamp: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'TaskHealth' });
export type TaskHealth = z.infer<typeof TaskHealth>;
