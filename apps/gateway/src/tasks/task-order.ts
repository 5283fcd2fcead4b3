import { NO_TASK, decide, isLimited, mergeRetry } from '@millrace/domain';
import type { CommandOf, Json, TaskEvent, TaskSpec } from '@millrace/domain';
import type { TaskRef } from '@millrace/log';
import type { KnownHandler, TaskDefaults } from '../handlers/known-handler.js';
import { ProblemError } from '../http/problem.js';
import type { KnownQueue } from '../queues/known-queue.js';
import { refuseTooLarge } from './parameters-size.js';
import type { SubmitTask } from './submit-task.schema.js';
import { hashOfKey, idOfKey, newTaskId } from './task-id.js';
import { ruleOf } from './unique-rule.js';
import type { UniqueRule } from './unique-rule.js';

/** A submission, ready to be written: every judgement but that of the log is made. */
export interface TaskOrder {
  ref: TaskRef;
  spec: TaskSpec;
  event: TaskEvent;
  /** The id is the caller's: no queue may have a task of this id. */
  uniqueId: boolean;
  /** Whether the id may have been used before: it is not one of ours, which are always new. */
  mayExist: boolean;
  /** Its key may have several tasks, one after the other; the id of `ref` is that of the first one. */
  unique?: KeyClaim;
}

/** A submission under a key that is not taken for ever. */
export interface KeyClaim {
  hash: string;
  rule: UniqueRule;
  /** What becomes of a task that still waits under the key, if the rule says so. */
  replacement: CommandOf<'replace'>;
}

/**
 * What a submission comes to, by itself, its handler, its queue and the defaults, in this order.
 *
 * @param handler undefined for a name that nobody has registered
 * @param known the queue that it goes to
 * @throws ProblemError with a sentence on what is wrong
 */
export function orderOf(
  body: SubmitTask,
  handler: KnownHandler | undefined,
  known: KnownQueue,
  at: { now: number; correlationId: string },
): TaskOrder {
  const parameters = body.parameters === undefined ? {} : body.parameters;
  refuseTooLarge(parameters);
  refuseUnfit(body.task_name, parameters, handler);
  const rule = ruleOf(body);
  const notBefore = notBeforeOf(body, at.now);
  const spec = specOf(body, known.defaultsFor(handler), at);
  refuseExpired(spec, notBefore ?? at.now, at.now);
  const queue = known.name;
  const wish = {
    spec,
    parameters,
    ...(notBefore !== undefined && { not_before: toTime(notBefore) }),
    // Should the limits change this instant, the worker that claims the task knows.
    ...(isLimited(known.settings, spec.concurrency_key) && { limited: true }),
  };
  const event = decide({ type: 'submit', ...wish }, NO_TASK, { now: at.now, random: 0 });
  // A submission of what does not exist always is an event.
  if (!event) throw new Error('The domain made nothing of a submission.');
  const { task_id, unique_key } = body;
  if (task_id !== undefined && unique_key !== undefined)
    throw invalid(
      'task_id',
      'task_id and unique_key both say which submissions are the same: give one of them.',
    );
  if (task_id !== undefined) return { ref: { queue, task_id }, spec, event, uniqueId: true, mayExist: true };
  if (unique_key === undefined)
    return { ref: { queue, task_id: newTaskId() }, spec, event, uniqueId: false, mayExist: false };
  const hash = hashOfKey(queue, unique_key);
  const ref = { queue, task_id: idOfKey(hash, 1) };
  const order = { ref, spec, event, uniqueId: false, mayExist: true };
  return rule ? { ...order, unique: { hash, rule, replacement: { type: 'replace', ...wish } } } : order;
}

function specOf(
  body: SubmitTask,
  defaults: TaskDefaults,
  { now, correlationId }: { now: number; correlationId: string },
): TaskSpec {
  const { tags, user_id, unique_key, concurrency_key, expires_at } = body;
  const spec: TaskSpec = {
    name: body.task_name,
    priority: body.priority ?? defaults.priority,
    retry: body.retry ? mergeRetry(defaults.retry, body.retry) : defaults.retry,
    ...limitsOf(body, defaults),
    submitted_at: toTime(now),
    correlation_id: body.correlation_id ?? correlationId,
  };
  if (expires_at !== undefined) spec.expires_at = toTime(Date.parse(expires_at));
  if (tags !== undefined) spec.tags = tags;
  if (user_id !== undefined) spec.user_id = user_id;
  if (unique_key !== undefined) spec.unique_key = unique_key;
  if (concurrency_key !== undefined) spec.concurrency_key = concurrency_key;
  return spec;
}

/** A soft limit nobody asked for gives way to the hard one; one that was asked for must lie below it. */
function limitsOf(
  body: SubmitTask,
  defaults: { soft_time_limit: number; time_limit: number },
): { soft_time_limit: number; time_limit: number } {
  const hard = body.time_limit ?? defaults.time_limit;
  const soft = body.soft_time_limit ?? Math.min(defaults.soft_time_limit, hard);
  if (soft > hard)
    throw invalid(
      'soft_time_limit',
      `The soft limit of ${soft} s lies above the time limit of ${hard} s: raise time_limit too.`,
    );
  return { soft_time_limit: soft, time_limit: hard };
}

function notBeforeOf({ delay_seconds, eta, unique }: SubmitTask, now: number): number | undefined {
  if (delay_seconds !== undefined && eta !== undefined)
    throw invalid('eta', 'delay_seconds and eta both say when the task may start: give one of them.');
  const quiet = unique?.quiet_seconds;
  if (quiet !== undefined && (delay_seconds ?? eta) !== undefined)
    throw invalid(
      'unique.quiet_seconds',
      'quiet_seconds says when the task may start: leave delay_seconds and eta out.',
    );
  const delay = delay_seconds ?? quiet;
  const notBefore = eta === undefined ? (delay === undefined ? now : now + delay * 1000) : Date.parse(eta);
  return notBefore > now ? notBefore : undefined;
}

function refuseExpired({ expires_at }: TaskSpec, startsAt: number, now: number): void {
  if (expires_at === undefined) return;
  const expiresAt = Date.parse(expires_at);
  if (expiresAt <= now)
    throw invalid('expires_at', `${expires_at} is in the past: the task could never start.`);
  if (expiresAt <= startsAt)
    throw invalid(
      'expires_at',
      `${expires_at} is not after ${toTime(startsAt)}, before which the task may not start.`,
    );
}

/** @throws ProblemError `task/invalid-parameters` when the schema of the handler does not allow them */
export function refuseUnfit(taskName: string, parameters: Json, handler: KnownHandler | undefined): void {
  const errors = handler?.faultsOf(parameters);
  const [first] = errors ?? [];
  if (!errors || !first) return;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  throw new ProblemError(
    'task/invalid-parameters',
    `The parameters do not fit ${taskName}: ${first.path}: ${first.message}${more}`,
    { errors },
  );
}

/** A request of which one part is wrong. */
export function invalid(path: string, message: string): ProblemError {
  return new ProblemError('request/invalid', message, { errors: [{ path, message }] });
}

let latest = { ms: NaN, text: '' };

/** The tasks of a bulk are submitted in a few milliseconds, each of which is written out once. */
function toTime(ms: number): string {
  if (latest.ms !== ms) latest = { ms, text: new Date(ms).toISOString() };
  return latest.text;
}
