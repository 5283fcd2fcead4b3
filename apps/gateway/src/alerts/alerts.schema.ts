import { ALERT_METRIC_NAMES, SEVERITIES } from '@millrace/domain';
import { z } from 'zod';

const LIMIT_MOST = 200;
const LIMIT_DEFAULT = 50;

export const severity = z.enum(SEVERITIES);

export const ListAlerts = z.strictObject({
  status: z.enum(['open', 'resolved', 'all']).default('open').meta({
    description: 'open: what is wrong now; resolved: what is over, the newest first; all: both, open first.',
  }),
  severity: severity.optional().meta({ description: 'Of resolved alerts the worst that they were.' }),
  rule: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(LIMIT_DEFAULT).meta({
    description: 'Resolved alerts of a page; the open ones all come with the first.',
  }),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'must be a next_cursor of this list.' })
    .optional(),
});
export type ListAlerts = z.infer<typeof ListAlerts>;

export const AlertView = z
  .object({
    alert_id: z.string(),
    status: z.enum(['open', 'resolved']),
    rule: z.string(),
    metric: z.enum(ALERT_METRIC_NAMES),
    severity: severity.meta({ description: 'As it is now; of a resolved alert the worst that it was.' }),
    message: z.string(),
    value: z.number().meta({ description: 'Of the metric: percent, seconds, bytes or tasks.' }),
    threshold: z.number().nullable(),
    queue: z.string().nullable(),
    task_name: z.string().nullable(),
    task_id: z.string().nullable(),
    worker_id: z.string().nullable(),
    raised_at: z.string(),
    resolved_at: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'Alert' });
export type AlertView = z.infer<typeof AlertView>;

export const AlertList = z
  .object({ items: z.array(AlertView), next_cursor: z.string().nullable() })
  .meta({ id: 'AlertList' });
export type AlertList = z.infer<typeof AlertList>;

export const alertExamples: { list: AlertList } = {
  list: {
    items: [
      {
        alert_id: '6f0c1a52-6f0e-4f5b-8a35-0d7a0a8e2c11',
        status: 'open',
        rule: 'task_duration',
        metric: 'task_duration',
        severity: 'warning',
        message: 'Task abc123 running for 520 seconds',
        value: 520,
        threshold: 480,
        queue: 'default',
        task_name: 'document_processing',
        task_id: 'abc123',
        worker_id: null,
        raised_at: '2026-01-05T10:14:02.118Z',
        resolved_at: null,
        detail: null,
      },
    ],
    next_cursor: null,
  },
};
