import { ALERT_METRIC_NAMES, SEVERITIES } from '@millrace/domain';
import type { AlertRule } from '@millrace/domain';
import { z } from 'zod';

/** A rule that somebody has written over a default one, or beside them. */
export const alertRuleRecordSchema = z.object({
  name: z.string(),
  metric: z.enum(ALERT_METRIC_NAMES),
  queue: z.string().optional(),
  task_name: z.string().optional(),
  each: z.enum(['queue', 'task_name']).optional(),
  window_seconds: z.number().positive(),
  min_count: z.int().nonnegative(),
  comparison: z.enum(['above', 'below']),
  warning: z.number().optional(),
  critical: z.number().optional(),
  for_seconds: z.number().nonnegative(),
  enabled: z.boolean(),
  message: z.string(),
}) satisfies z.ZodType<AlertRule>;

const severity = z.enum(SEVERITIES);
const transition = z.enum(['raised', 'escalated', 'eased', 'resolved']);
const scope = z.object({
  queue: z.string().optional(),
  task_name: z.string().optional(),
  task_id: z.string().optional(),
  worker_id: z.string().optional(),
});
const detail = z.record(z.string(), z.unknown());

/** What is known of one rule and scope: an alert, or what may become one. Times are milliseconds since the epoch. */
export const alertRecordSchema = z.object({
  key: z.string(),
  /** New each time that it is raised. */
  alert_id: z.string(),
  rule: z.string(),
  metric: z.enum(ALERT_METRIC_NAMES),
  scope,
  severity: severity.nullable(),
  worst: severity.nullable(),
  raised_at: z.number().nullable(),
  turned: z.object({ warning: z.number().optional(), critical: z.number().optional() }),
  value: z.number(),
  threshold: z.number().nullable(),
  count: z.number().optional(),
  message: z.string(),
  detail: detail.optional(),
  seen_at: z.number(),
  /** Transitions so far: they number what is told of it. */
  transitions: z.int(),
  /** What is to be told in OPS and to webhooks: whoever finds it ends what was begun. */
  announce: z.object({ id: z.string(), verb: transition, at: z.number() }).optional(),
});
export type AlertRecord = z.infer<typeof alertRecordSchema>;

/** What OPS tells of an alert, on `ops.alert.<verb>`. */
export const alertNoteSchema = z.object({
  /** Of this transition: the same however often it is told. */
  id: z.string(),
  at: z.string(),
  actor: z.string(),
  alert_id: z.string(),
  rule: z.string(),
  metric: z.string(),
  ...scope.shape,
  /** Null once it is over. */
  severity: severity.nullable(),
  /** The worst that it has been. */
  worst: severity.nullable(),
  value: z.number(),
  threshold: z.number().nullable(),
  message: z.string(),
  raised_at: z.string(),
  detail: detail.optional(),
  /** The note before it on the same subject. */
  prev: z.int().optional(),
});
export type AlertNote = z.infer<typeof alertNoteSchema>;

/** Who is told of alerts over HTTP. The bucket holds the secret as it is: who may read it may sign. */
export const webhookRecordSchema = z.object({
  name: z.string(),
  url: z.string(),
  secret: z.string(),
  /** Only of alerts of these rules; absent: of all. */
  rules: z.array(z.string()).optional(),
  /** Not of alerts that were never this bad. */
  min_severity: severity,
  enabled: z.boolean(),
  created_at: z.string(),
  actor: z.string(),
});
export type WebhookRecord = z.infer<typeof webhookRecordSchema>;
