import { z } from 'zod';

/** A queue as it is defined. */
export const queueRecordSchema = z.object({
  name: z.string(),
  /** Who defined it: a worker that serves it, or an operator. */
  defined_by: z.string(),
  /** Where consumers that must be made anew start: no live ticket lies below. Kept by the scheduler. */
  least_ticket: z.int().optional(),
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
});
export type HandlerRecord = z.infer<typeof handlerRecordSchema>;

/** An API key; its secret is known only as the SHA-256 that is its key in the bucket. */
export const keyRecordSchema = z.object({
  name: z.string(),
  role: z.enum(['viewer', 'operator', 'admin']),
  created_at: z.string(),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** Who leads a concern. */
export const leaseRecordSchema = z.object({ holder: z.string(), since: z.string() });
export type LeaseRecord = z.infer<typeof leaseRecordSchema>;
