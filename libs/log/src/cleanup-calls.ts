import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { listen } from './connection.js';
import { subjects } from './topology.js';

/** What a run of the clean-up leaves on `OPS`: `ops.cleanup.done`. */
export const CLEANUP = { noun: 'cleanup', done: 'done' } as const;

/** A gateway asks the scheduler for a run now. */
export const cleanupRequestSchema = z.object({
  /** Only tell what would be done. */
  dry_run: z.boolean(),
  queue: z.string().optional(),
  task_name: z.string().optional(),
  actor: z.string(),
});
export type CleanupRequest = z.infer<typeof cleanupRequestSchema>;

const count = z.int().nonnegative();

/** What a run has done; of a dry run, what it would have. */
export const cleanupReportSchema = z.object({
  /** When it began. */
  started_at: z.string(),
  duration_ms: z.number().nonnegative(),
  tasks_cleaned: count,
  /** Of these, tasks that had a checkpoint or steps to go on from. */
  state_cleaned: count,
  temp_files_cleaned: count,
  /** Tasks by name, and by how they had ended. */
  by_task: z.record(z.string(), z.record(z.string(), count)),
  /** Some of what went wrong; such tasks are tried again by the next run. */
  errors: z.array(z.object({ task_id: z.string(), detail: z.string() })),
  /** There is nothing more to do; otherwise the next run goes on. */
  is_complete: z.boolean(),
});
export type CleanupReport = z.infer<typeof cleanupReportSchema>;

/** The note about a run. */
export const cleanupNoteSchema = cleanupReportSchema.extend({
  at: z.string(),
  actor: z.string(),
  queue: z.string().optional(),
  task_name: z.string().optional(),
});
export type CleanupNote = z.infer<typeof cleanupNoteSchema>;

const answerSchema = z.union([
  z.object({ report: cleanupReportSchema }),
  z.object({ refused: z.object({ code: z.string(), detail: z.string() }) }),
]);

/** Either what was done, or why nothing was. */
export type CleanupAnswer = z.infer<typeof answerSchema>;

/** Answers requests for runs; a process that does not lead answers undefined, and leaves the request to who does. */
export function answerCleanups(
  connection: NatsConnection,
  run: (request: CleanupRequest) => Promise<CleanupAnswer> | undefined,
): void {
  listen(connection, subjects.cleanupNow, (message) => {
    const request = cleanupRequestSchema.safeParse(parsed(message.string()));
    if (request.success) void run(request.data)?.then((answer) => message.respond(JSON.stringify(answer)));
  });
}

/** Asks for a run. Undefined when nobody answers in time. */
export async function askCleanup(
  connection: NatsConnection,
  request: CleanupRequest,
  timeoutMs: number,
): Promise<CleanupAnswer | undefined> {
  try {
    const message = await connection.request(subjects.cleanupNow, JSON.stringify(request), {
      timeout: timeoutMs,
    });
    return answerSchema.safeParse(parsed(message.string())).data;
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
