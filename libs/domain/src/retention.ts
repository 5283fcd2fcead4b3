/** For how long ended tasks are kept, in hours; `Infinity` for ever. */
export interface RetentionPolicy {
  /** Of failed and cancelled tasks for which nothing else is said. */
  defaultHours: number;
  /** Of failed and cancelled tasks, by the name of the task. */
  hoursByTask: Readonly<Record<string, number>>;
  /** Of all ended tasks of a queue, whatever their name; queues without a rule are not in it. */
  hoursByQueue: Readonly<Record<string, number>>;
  /** What an operation on many tasks has cancelled is kept at least so long: until then that can be undone. */
  undoHours: number;
}

/** Of which kind a task is, for the policy. */
export interface KeptTask {
  queue: string;
  name: string;
  hasSucceeded: boolean;
  /** An operation on many tasks has cancelled it. */
  isUndoable: boolean;
}

/** Failed and cancelled tasks are kept so long where nothing else is said, in hours. */
export const DEFAULT_RETENTION_HOURS = 12;

const HOUR_MS = 3_600_000;

/**
 * For how many hours after its end a task is kept. What its queue says counts before anything else; without that, a task that succeeded is
 * kept for ever, and another one for as long as its name or the default says.
 */
export const retentionHours = (policy: RetentionPolicy, task: KeptTask): number =>
  Math.max(ownHours(policy, task), task.isUndoable ? policy.undoHours : 0);

function ownHours(policy: RetentionPolicy, { queue, name, hasSucceeded }: KeptTask): number {
  const ofQueue = ownOf(policy.hoursByQueue, queue);
  if (ofQueue !== undefined) return ofQueue;
  if (hasSucceeded) return Infinity;
  return ownOf(policy.hoursByTask, name) ?? policy.defaultHours;
}

/** The end of tasks that are kept for so many hours and are due now; undefined when none ever is. */
export const dueBefore = (hours: number, now: number): string | undefined =>
  hours === Infinity ? undefined : new Date(Math.max(0, now - hours * HOUR_MS)).toISOString();

/** Names of tasks and queues are the caller's: `constructor` is one like any other. */
const ownOf = (hours: Readonly<Record<string, number>>, name: string): number | undefined =>
  Object.hasOwn(hours, name) ? hours[name] : undefined;
