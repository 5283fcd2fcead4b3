import { dueBefore } from '@millrace/domain';
import type { RetentionPolicy } from '@millrace/domain';
import type { QueueRecord } from '@millrace/log';
import type { DueBefore, DueRules } from '@millrace/read-model';

/** The policy with what the queues say. */
export const withQueues = (
  policy: Omit<RetentionPolicy, 'hoursByQueue'>,
  queues: Iterable<[string, QueueRecord]>,
): RetentionPolicy => ({
  ...policy,
  hoursByQueue: Object.fromEntries(
    [...queues].flatMap(([queue, { settings }]) =>
      settings?.retention_hours === undefined ? [] : [[queue, settings.retention_hours]],
    ),
  ),
});

/** The policy as the tables are asked by it. */
export const dueRules = (policy: RetentionPolicy, now: number): DueRules => ({
  byQueue: cutoffs(policy.hoursByQueue, now),
  byTask: cutoffs(policy.hoursByTask, now),
  others: cutoff(policy.defaultHours, now),
  undoable: new Date(now - policy.undoHours * HOUR_MS).toISOString(),
});

const HOUR_MS = 3_600_000;

const cutoff = (hours: number, now: number): DueBefore => dueBefore(hours, now) ?? null;

const cutoffs = (hours: Readonly<Record<string, number>>, now: number): Map<string, DueBefore> =>
  new Map(Object.entries(hours).map(([name, value]) => [name, cutoff(value, now)]));
