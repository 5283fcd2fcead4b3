import { z } from 'zod';

const rateLimit = z.object({ limit: z.int().positive(), period_seconds: z.number().positive() });
const perKey = z.record(z.string(), z.number().positive());

/** How an operator wants a queue to be: what is absent has its default. Names are those of REST. */
export const queueSettingsSchema = z.object({
  concurrency: z.int().positive().optional(),
  rate_limit: rateLimit.optional(),
  key_concurrency: z.int().positive().optional(),
  key_rate_limit: rateLimit.optional(),
  fair: z.boolean().optional(),
  weights: perKey.optional(),
  /** Of tasks for which neither the caller nor the handler says one. */
  default_priority: z.int().optional(),
  /** Waiting tasks above which submissions are refused. */
  max_depth: z.int().positive().optional(),
  /** Part of a retry policy, for tasks for which neither the caller nor the handler says it. */
  retry: z.record(z.string(), z.unknown()).optional(),
  soft_time_limit: z.number().positive().optional(),
  time_limit: z.number().positive().optional(),
  /** How long ended tasks are kept. */
  retention_hours: z.number().positive().optional(),
  /** A task that has waited so long in its lane rises by one lane. */
  age_after_seconds: z.number().positive().optional(),
  /** Names of tasks that go to this queue when their submitter names none. */
  routes: z.array(z.string()).optional(),
});
export type QueueSettings = z.infer<typeof queueSettingsSchema>;

/** What is to be told in OPS of a pause or a resume. */
const announcementSchema = z.object({
  verb: z.enum(['paused', 'resumed']),
  at: z.string(),
  actor: z.string(),
  reason: z.string().optional(),
  correlation_id: z.string().optional(),
});

/** A queue as it is defined. */
export const queueRecordSchema = z.object({
  name: z.string(),
  /** Who defined it: a worker that serves it, or an operator. */
  defined_by: z.string(),
  /** Where consumers that must be made anew start: no live ticket lies below. Kept by the scheduler. */
  least_ticket: z.int().optional(),
  settings: queueSettingsSchema.optional(),
  /** Set while no task of the queue is to start. The consumers of its lanes follow this. */
  paused: z.object({ at: z.string(), actor: z.string(), reason: z.string().optional() }).optional(),
  /** Set with `paused`, or when that is taken away, until the lanes follow and it was told: whoever finds it ends what was begun. */
  announce: announcementSchema.optional(),
});
export type QueueRecord = z.infer<typeof queueRecordSchema>;

/** What workers can run, as the gateway needs to know it. */
export const handlerRecordSchema = z.object({
  name: z.string(),
  /** Where its tasks go when the submitter names no queue. */
  queue: z.string(),
  description: z.string().optional(),
  /** JSON Schema of the parameters. */
  parameters: z.record(z.string(), z.unknown()).optional(),
  retry: z.record(z.string(), z.unknown()).optional(),
  priority: z.int().optional(),
  soft_time_limit: z.number().optional(),
  time_limit: z.number().optional(),
  /** Labels that a worker must have to run it. */
  requires: z.record(z.string(), z.string()).optional(),
});
export type HandlerRecord = z.infer<typeof handlerRecordSchema>;

/** An API key; its secret is known only as the SHA-256 that is its key in the bucket. */
export const keyRecordSchema = z.object({
  name: z.string(),
  role: z.enum(['viewer', 'operator', 'admin']),
  created_at: z.string(),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** What is known of a unique key that had more than one task. It may lag, and is never ahead of the log. */
export const uniqueRecordSchema = z.object({ generation: z.int().positive() });
export type UniqueRecord = z.infer<typeof uniqueRecordSchema>;

/** Who leads a concern. */
export const leaseRecordSchema = z.object({ holder: z.string(), since: z.string() });
export type LeaseRecord = z.infer<typeof leaseRecordSchema>;

const slotUse = z.object({
  /** Task → the `held` fact by which it got its slot; 0 or another fact for one that ran before there were limits. */
  holders: z.record(z.string(), z.int()),
  /** Where there is a rate: starts by the end of a part of the period (milliseconds since the epoch), and who has not started yet. */
  window: z.object({ starts: z.array(z.tuple([z.number(), z.int()])), open: z.array(z.string()) }).optional(),
});

/**
 * The slots of a queue or of some of its keys, as they were with the last grant. It is written before the fact that makes a task ready, and
 * what has ended is taken out with the next grant or a moment later.
 */
export const slotRecordSchema = z.object({
  /** Of the whole queue. */
  queue: slotUse.optional(),
  /** By `concurrency_key`. */
  keys: z.record(z.string(), slotUse).optional(),
});
export type SlotRecord = z.infer<typeof slotRecordSchema>;

/** A rebuild of the read models: asked for by a gateway, done and told of by a projector. One at a time; the last one stays. */
export const rebuildRecordSchema = z.object({
  id: z.string(),
  /** `archive`: what the log no longer has is read from there. `log`: it is taken over as it is. */
  from: z.enum(['archive', 'log']),
  /** Whether the new tables take the place of the old ones, or are only compared with them. */
  swap: z.boolean(),
  actor: z.string(),
  asked_at: z.string(),
  phase: z.enum([
    'asked',
    'reading-archive',
    'reading-log',
    'comparing',
    'swapping',
    'done',
    'failed',
    'cancelled',
  ]),
  /** When a projector began with it, for the last time. */
  started_at: z.string().nullable(),
  /** The last sign of life, one a second while it runs. */
  alive_at: z.string(),
  finished_at: z.string().nullable(),
  facts_done: z.int(),
  /** As many as there were when it began. */
  facts_total: z.int(),
  /** The last fact that is in the new tables. */
  sequence: z.int(),
  /** By table, once they were compared: rows in use, rows that are not the same, the keys of some of them. */
  differences: z
    .array(z.object({ table: z.string(), rows: z.int(), different: z.int(), examples: z.array(z.string()) }))
    .nullable(),
  /** How long the projector was held for the swap. */
  held_ms: z.int().nullable(),
  /** Why it failed. */
  reason: z.string().nullable(),
});
export type RebuildRecord = z.infer<typeof rebuildRecordSchema>;

/** A worker process as it describes itself, every few seconds. */
export const workerRecordSchema = z.object({
  /** New at each start of the process. */
  worker_id: z.string(),
  host: z.string(),
  pid: z.int(),
  version: z.string(),
  started_at: z.string(),
  last_seen: z.string(),
  status: z.enum(['active', 'draining']),
  queues: z.array(z.string()),
  /** Names of the tasks that it runs. */
  handlers: z.array(z.string()),
  /** Handlers that it has loaded and does not run: its labels are not what they require. */
  unsuited_handlers: z.array(z.object({ task_name: z.string(), requires: z.record(z.string(), z.string()) })),
  labels: z.record(z.string(), z.string()),
  /** Handlers that may run at once. */
  slots: z.int(),
  /** Tickets that it holds beyond the running ones. */
  prefetch: z.int(),
  /** What runs now, the longest first; cut where it would be too long, see `running_count`. */
  running: z.array(
    z.object({
      task_id: z.string(),
      task_name: z.string(),
      queue: z.string(),
      attempt: z.int(),
      started_at: z.string(),
    }),
  ),
  running_count: z.int(),
  /** Tasks that succeeded here since the start. */
  done: z.int(),
  /** Attempts that failed here since the start, whether they are tried again or not. */
  failed: z.int(),
  memory_bytes: z.int(),
});
export type WorkerRecord = z.infer<typeof workerRecordSchema>;

/** An operation on many tasks, as the process that runs it tells of it. */
export const operationRecordSchema = z.object({
  operation_id: z.string(),
  action: z.string(),
  actor: z.string(),
  /** What was asked for: a filter and options. */
  wish: z.record(z.string(), z.unknown()),
  /** One that runs and gives no sign of life was interrupted. */
  status: z.enum(['running', 'done', 'stopped', 'failed']),
  /** Tasks that were looked at so far. */
  matched: z.int(),
  done: z.int(),
  refused: z.int(),
  /** Not all that it found was looked at. */
  has_more: z.boolean(),
  /** Why it ended early. */
  stopped: z.string().nullable(),
  started_at: z.string(),
  /** The last sign of life, one a second while it runs. */
  alive_at: z.string(),
  finished_at: z.string().nullable(),
  /** Whoever runs it begins nothing more. */
  stop: z.object({ at: z.string(), actor: z.string() }).optional(),
});
export type OperationRecord = z.infer<typeof operationRecordSchema>;
