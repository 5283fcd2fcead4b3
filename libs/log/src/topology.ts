import { isKind, isLane } from '@millrace/domain';
import type { Kind, Lane } from '@millrace/domain';

/**
 * Every name on the broker: streams, subjects, filters, consumers, buckets. Subjects are public API: operators read them with stock
 * tools. A subject literal anywhere else fails lint.
 */

/** Nanoseconds in a second: the unit of JetStream's durations. */
const SECOND_NS = 1_000_000_000;

/** The lease of a ticket in seconds: without an in-progress acknowledgement for so long the server hands it to another worker. */
export const DEFAULT_LEASE_SECONDS = 30;

/** A task by its queue and id: what a subject is made of. */
export interface TaskRef {
  queue: string;
  task_id: string;
}

export const streams = {
  /** The log: facts, timers and asks. It has no limits of its own, they would drop live tickets; the janitor purges. */
  tasks: {
    name: 'TASKS',
    subjects: ['tasks.>', 'timers.>', 'asks.>'],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    allow_direct: true,
    allow_msg_schedules: true,
    // The condition of each write is the guard; a window of message ids would only cost memory.
    duplicate_window: SECOND_NS,
  },
  /** Live progress: the last report of each running task, gone with the server's memory. */
  progress: {
    name: 'PROGRESS',
    subjects: ['progress.>'],
    storage: 'memory',
    retention: 'limits',
    discard: 'old',
    allow_direct: true,
    max_msgs_per_subject: 1,
    max_age: 3600 * SECOND_NS,
    max_bytes: 64 * 1024 * 1024,
    duplicate_window: SECOND_NS,
  },
  /** What handlers log: for people who look into a task, bounded in every direction, so that chatter cannot fill the store. */
  logs: {
    name: 'LOGS',
    subjects: ['logs.>'],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    allow_direct: true,
    max_msgs_per_subject: 1_000,
    max_age: 7 * 24 * 3600 * SECOND_NS,
    max_bytes: 1024 ** 3,
    duplicate_window: SECOND_NS,
  },
  /** Checkpoints and steps that parked tasks lean on, for as long as the log has let go of them: see {@link subjects.kept}. */
  kept: {
    name: 'KEPT',
    subjects: ['kept.>'],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    allow_direct: true,
    max_msgs_per_subject: 1,
    duplicate_window: SECOND_NS,
  },
  /** What operators and repairs did. */
  ops: {
    name: 'OPS',
    subjects: ['ops.>'],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    allow_direct: true,
    duplicate_window: SECOND_NS,
  },
} as const;

export const buckets = {
  /** Queue definitions: `<queue>` → {@link QueueRecord}. */
  queues: 'queues',
  /** What workers can run: `<task name>` → handler record; kept when the worker goes. */
  handlers: 'handlers',
  /** Hashed API keys: `<sha-256>` → name and role. Authentication works without Postgres. */
  keys: 'keys',
  /** Who leads which concern: `<concern>` → holder; expires by itself. */
  leases: 'leases',
  /** Who has the slots of limited queues: {@link slotsOfQueue}, {@link slotsOfKey} → {@link SlotRecord}. */
  slots: 'slots',
  /** Which workers live: `<worker id>` → {@link WorkerRecord}; in memory, expires by itself. */
  workers: 'workers',
  /** How often keys were used anew: `<hash of queue and unique key>` → the newest task of the key, as far as anybody told. */
  unique: 'unique',
  /** What is done to many tasks: `<operation id>` → {@link OperationRecord}; expires by itself. */
  operations: 'operations',
  /** Open alerts, and what may become one: `<rule>.<what it is about>` → {@link AlertRecord}. */
  alerts: 'alerts',
  /** Alert rules over and beside the default ones: `<rule>` → the rule. */
  alertRules: 'alert_rules',
  /** Who is told of alerts over HTTP: `<name>` → {@link WebhookRecord}, with its secret. */
  webhooks: 'webhooks',
  /** What was asked of the projector: `<projection>` → {@link RebuildRecord}. */
  rebuilds: 'rebuilds',
} as const;

/** The stream behind a bucket and what stands before the key in its subjects: as every NATS client lays out a bucket. */
export const bucketStream = (bucket: string): { stream: string; prefix: string } => ({
  stream: `KV_${bucket}`,
  prefix: `$KV.${bucket}.`,
});

/** How long a lease in the bucket `leases` lasts without renewal, in seconds. */
export const LEADER_LEASE_SECONDS = 4;

/** The record of the slots of a whole queue. */
export const slotsOfQueue = (queue: string): string => queue;

/**
 * The keys of a queue share so many records: few enough that a grant of many slots is a few writes, and that nothing has to be cleaned
 * up after keys that never come again; enough that none grows large. Another number is another layout of the bucket.
 */
export const SLOT_RECORDS = 32;

/** The record that has the slots of a `concurrency_key`, among those of other keys. */
export const slotsOfKey = (queue: string, key: string): string => `${queue}.${hashOf(key) % SLOT_RECORDS}`;

/** FNV-1a over UTF-16. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** How long a worker is shown after its last sign of life, in seconds; it gives one at a third of this. */
export const PRESENCE_SECONDS = 15;

/** How long the record of an operation on many tasks stays after its last change, in days. */
export const OPERATION_DAYS = 7;

/** How long an alert of which nobody has written anything more stays, in days: one that lasts is written each hour. */
export const ALERT_DAYS = 7;

/** The queue of the tasks that Millrace gives itself. */
export const OWN_QUEUE = 'millrace';

export const subjects = {
  /** One transition of a task. */
  fact: (task: TaskRef, kind: Kind): string => `tasks.${task.queue}.${kind}.${task.task_id}`,
  /** All facts of one task: the check subject of every write but a creation with a caller's id. Always this string. */
  factsOf: (task: TaskRef): string => `tasks.${task.queue}.*.${task.task_id}`,
  /** All facts of a queue, without fired timers. */
  factsOfQueue: (queue: string): string => `tasks.${queue}.*.*`,
  /** All facts of all tasks, or of one queue or kind, without fired timers. */
  allFacts: ({ queue = '*', kind = '*' }: { queue?: string; kind?: Kind | '*' } = {}): string =>
    `tasks.${queue}.${kind}.*`,
  /** All facts of a task whose queue is not known; the check subject of a creation with a caller's id. */
  factsOfId: (taskId: string): string => `tasks.*.*.${taskId}`,
  /** Where a fired timer of a task appears: a ticket, five tokens long, so outside the check subject. */
  due: (task: TaskRef, lane: Lane | 'held'): string => `tasks.${task.queue}.${lane}.${task.task_id}.due`,
  /** The armed timer of one wait. One subject per wait: a fire purges its subject, and must not purge the next wait's timer. */
  timer: (task: TaskRef, fact: number): string => `timers.${task.queue}.${task.task_id}.${fact}`,
  timersOf: (task: TaskRef): string => `timers.${task.queue}.${task.task_id}.*`,
  /** A request to a task or its worker. */
  ask: (task: TaskRef, verb: AskVerb): string => `asks.${task.queue}.${verb}.${task.task_id}`,
  /** The tickets of one lane, fired timers included. */
  lane: (queue: string, lane: Lane): string => `tasks.${queue}.${lane}.>`,
  /** What a worker of these queues must hear at once. */
  interruptions: (queue: string): string[] => [`tasks.${queue}.cancelled.*`, `asks.${queue}.>`],
  /** Everything that the read models fold: facts and fired timers. */
  allTasks: 'tasks.>',
  allTimers: 'timers.>',
  progress: (task: TaskRef): string => `progress.${task.queue}.${task.task_id}`,
  allProgress: 'progress.>',
  /** The lines that the handler of a task logged. */
  logs: (task: TaskRef): string => `logs.${task.queue}.${task.task_id}`,
  /** A fact as it stood at this sequence of the log, kept for a task that leans on it, its own or another's. */
  kept: (fact: TaskRef & { kind: Kind; sequence: number }, owner: string): string =>
    `kept.${fact.sequence}.${fact.queue}.${fact.kind}.${fact.task_id}.${owner}`,
  /** Whoever it is kept for. */
  keptAt: (sequence: number): string => `kept.${sequence}.>`,
  op: (noun: string, verb: string): string => `ops.${noun}.${verb}`,
  /** Everything that was done to things of one noun. */
  opsOf: (noun: string): string => `ops.${noun}.*`,
  /** Everything that was noted of operators and repairs. */
  allOps: 'ops.>',
  /** A worker answers here which attempts it runs (core request, no stream). */
  runsOf: (worker: string): string => `workers.${worker}.runs`,
  /** The scheduler that leads the clean-up runs it now (core request, no stream). */
  cleanupNow: 'scheduler.cleanup',
} as const;

export type AskVerb = 'pause' | 'stop' | 'signal';

/** The durable consumer of a lane. Its name is one token that `nats consumer report TASKS` shows. */
export const laneConsumer = (queue: string, lane: Lane): string => `${queue}_${lane}`;

/** A pause has no end of its own, but the server wants a time. */
export const PAUSED_UNTIL = new Date('2200-01-01T00:00:00Z');

/** The configuration of a lane's consumer. */
export const laneConsumerConfig = (
  queue: string,
  lane: Lane,
  options: { startSequence: number; leaseSeconds: number },
) =>
  ({
    durable_name: laneConsumer(queue, lane),
    description: `tickets of the lane ${lane} of the queue ${queue}`,
    filter_subject: subjects.lane(queue, lane),
    ack_policy: 'explicit',
    ack_wait: options.leaseSeconds * SECOND_NS,
    // Attempts are counted from facts; a ticket is never given up by the server.
    max_deliver: -1,
    max_ack_pending: -1,
    // Cannot be changed later: room for every worker that may ever wait.
    max_waiting: 8192,
    deliver_policy: 'by_start_sequence',
    // Below the least live ticket there are only stale ones.
    opt_start_seq: options.startSequence,
  }) as const;

/** A parsed subject of the stream `TASKS`. */
export type ParsedSubject =
  | ({ type: 'fact'; kind: Kind } & TaskRef)
  | ({ type: 'due'; lane: Lane } & TaskRef)
  | ({ type: 'timer'; fact: number } & TaskRef)
  | ({ type: 'ask'; verb: string } & TaskRef)
  | { type: 'other' };

/** Reads a subject of the stream `TASKS`; what is none of ours is `other`, never an error. */
export function parseSubject(subject: string): ParsedSubject {
  const tokens = subject.split('.');
  const [root, queue = '', third = '', fourth = '', fifth] = tokens;
  if (tokens.length === 4) {
    if (root === 'tasks' && isKind(third)) return { type: 'fact', queue, kind: third, task_id: fourth };
    if (root === 'timers') return { type: 'timer', queue, task_id: third, fact: Number(fourth) };
    if (root === 'asks') return { type: 'ask', queue, verb: third, task_id: fourth };
  }
  if (tokens.length === 5 && root === 'tasks' && fifth === 'due' && isLane(third))
    return { type: 'due', queue, lane: third, task_id: fourth };
  return { type: 'other' };
}

/** Reads a subject of the stream `OPS`; undefined for what is none of ours. */
export function parseOp(subject: string): { noun: string; verb: string } | undefined {
  const [root, noun, verb, ...more] = subject.split('.');
  const isOurs = root === streams.ops.name.toLowerCase() && more.length === 0;
  return isOurs && noun && verb ? { noun, verb } : undefined;
}

/** The task of a subject of the stream `PROGRESS`; undefined for what is none of ours. */
export function taskOfProgress(subject: string): TaskRef | undefined {
  const [root, queue, task_id, more] = subject.split('.');
  if (root !== 'progress' || queue === undefined || task_id === undefined || more !== undefined)
    return undefined;
  return { queue, task_id };
}

/** Reads a subject of the stream `KEPT`; undefined for what is none of ours. */
export function parseKept(
  subject: string,
): (TaskRef & { kind: Kind; sequence: number; owner: string }) | undefined {
  const [root, sequence = '', queue = '', kind = '', task_id = '', owner, ...rest] = subject.split('.');
  if (root !== 'kept' || owner === undefined || rest.length > 0 || !isKind(kind)) return undefined;
  return { sequence: Number(sequence), queue, kind, task_id, owner };
}
