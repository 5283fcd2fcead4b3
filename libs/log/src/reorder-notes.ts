import { z } from 'zod';
import type { StoredMessage } from './requests.js';

/** What a reorder leaves on `OPS`: who asked for it, what is to be moved in which order, and what came of it. */
export const REORDER = { request: 'reorder', plan: 'reordering', outcome: 'reordered' } as const;

/** A gateway asks the scheduler to move a task that waits. */
export const reorderRequestSchema = z.object({
  queue: z.string(),
  task_id: z.string(),
  position: z.union([z.int().nonnegative(), z.literal(['front', 'back'])]),
  actor: z.string(),
  at: z.string(),
  /** What was not begun by then is refused. */
  deadline: z.string(),
});
export type ReorderRequest = z.infer<typeof reorderRequestSchema>;

/** The tasks that get a new ticket in `front`, in this order. Who finds a plan without an outcome carries it out once more. */
export const reorderPlanSchema = z.object({
  /** Sequence of the request. */
  request: z.int(),
  queue: z.string(),
  /** Tasks in `front` that stay ahead of them. */
  stay: z.int(),
  tasks: z.array(z.string()),
});
export type ReorderPlan = z.infer<typeof reorderPlanSchema>;

/** What came of a request; either it was refused or it has a place. */
export const reorderOutcomeSchema = z.object({
  /** Sequence of the request. */
  request: z.int(),
  queue: z.string(),
  task_id: z.string(),
  /** Tasks ahead of it; null beyond a thousand. */
  new_position: z.int().nullable().optional(),
  priority: z.int().optional(),
  /** Tasks that got a new ticket. */
  moved: z.int().optional(),
  refused: z.object({ code: z.string(), detail: z.string() }).optional(),
});
export type ReorderOutcome = z.infer<typeof reorderOutcomeSchema>;

/** A note as its schema reads it; undefined when somebody else has written there what is none. */
export function readNote<T>(schema: z.ZodType<T>, message: StoredMessage | undefined): T | undefined {
  if (!message) return undefined;
  try {
    return schema.safeParse(JSON.parse(message.payload)).data;
  } catch {
    return undefined;
  }
}
