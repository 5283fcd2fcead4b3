import { DEFAULT_RETRY_POLICY, NO_TASK, SEVERITIES, decide } from '@millrace/domain';
import type { AlertTransition, Json, Severity } from '@millrace/domain';
import { ConcurrencyError, OWN_QUEUE } from '@millrace/log';
import type { AlertNote, TaskLog, WebhookRecord } from '@millrace/log';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

const TASK_NAME = 'webhook';
const PRIORITY = 8;
const SOFT_TIME_LIMIT_SECONDS = 15;
const TIME_LIMIT_SECONDS = 20;
/** Over some hours: whoever is told may be what is broken. */
const RETRY = { ...DEFAULT_RETRY_POLICY, max_retries: 10, delay_seconds: 10, max_delay_seconds: 3_600 };

/** Hands a transition to all who want to hear of it, as tasks: each once, its id is made of the transition and the name of the webhook. */
export async function deliverByWebhooks(
  log: TaskLog,
  transition: AlertTransition,
  note: AlertNote,
): Promise<void> {
  for (const { value: webhook } of await log.buckets.webhooks.entries())
    if (wants(webhook, note)) await submit(log, webhook, transition, note);
}

function wants({ enabled, rules, min_severity }: WebhookRecord, { rule, worst }: AlertNote): boolean {
  return enabled && (rules?.includes(rule) ?? true) && rankOf(worst) >= rankOf(min_severity);
}

const rankOf = (severity: Severity | null): number => (severity ? SEVERITIES.indexOf(severity) : -1);

async function submit(
  log: TaskLog,
  { name }: WebhookRecord,
  transition: AlertTransition,
  { id, actor: _actor, ...alert }: AlertNote,
): Promise<void> {
  const now = Date.now();
  const spec = {
    name: TASK_NAME,
    priority: PRIORITY,
    retry: RETRY,
    soft_time_limit: SOFT_TIME_LIMIT_SECONDS,
    time_limit: TIME_LIMIT_SECONDS,
    submitted_at: new Date(now).toISOString(),
    tags: ['alert'],
  };
  // Address and secret stay in the bucket: parameters are kept for good, and shown.
  const parameters: Json = {
    webhook: name,
    event: { id, type: `alert.${transition}`, data: JSON.parse(JSON.stringify(alert)) as Json },
  };
  const event = decide({ type: 'submit', spec, parameters }, NO_TASK, { now, random: 0 });
  const ref = { queue: OWN_QUEUE, task_id: `webhook-${id}-${name}` };
  try {
    if (event)
      await log.append(ref, 0, event, { actor: ACTOR, now, uniqueId: true, deadlineMs: DEADLINE_MS });
  } catch (error) {
    // Somebody has submitted it already.
    if (!(error instanceof ConcurrencyError)) throw error;
  }
}
