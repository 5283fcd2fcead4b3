import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import { z } from 'zod';
import { Name, text } from '../tasks/submit-task.schema.js';
import { TaskSummaryView } from '../tasks/task-view.schema.js';
import { QueueSettingsView } from './queue-settings.schema.js';

const REASON_CHARACTERS = 256;
const LIMIT_DEFAULT = 50;
const LIMIT_MOST = 500;

export const QueueName = Name.meta({ example: 'films' });

const count = z.int().nonnegative();
const time = z.string().meta({ format: 'date-time' });

const definition = {
  name: z.string(),
  defined_by: z.string().meta({ description: 'A worker that serves it, or who called PUT first.' }),
  settings: QueueSettingsView.meta({ description: 'What was set; the rest has its default.' }),
  paused: z
    .object({ at: time, actor: z.string(), reason: z.string().optional() })
    .nullable()
    .meta({ description: 'Since when, by whom and why no task of it starts; null while they do.' }),
};

/** A queue as it is defined. */
export const QueueDefinition = z.object(definition).meta({ id: 'QueueDefinition' });
export type QueueDefinition = z.infer<typeof QueueDefinition>;

const lanes = Object.fromEntries(LANES.map((lane) => [lane, count])) as Record<Lane, typeof count>;

export const QueueView = z
  .object({
    ...definition,
    workers: z.array(z.string()).meta({ description: 'Ids of the workers that serve it.' }),
    depth: z.object(lanes).meta({ description: 'Tasks that wait for their turn, by lane: front first.' }),
    held: count.meta({ description: 'Tasks that wait for a slot of the limits.' }),
    scheduled: count.meta({ description: 'Tasks that wait for a time: delays, retries, sleeps.' }),
    running: count,
    total_tasks: z
      .object({ active: count, pending: count, scheduled: count })
      .meta({ description: 'active: running. pending: all lanes and held.' }),
    oldest_wait_seconds: z.number().nullable().meta({
      description: 'How long the task has waited for its turn that waits longest; null without any.',
    }),
    rates: z
      .object({ window_seconds: z.number(), started_per_minute: z.number(), finished_per_minute: z.number() })
      .meta({ description: 'Of the last minute; of less when the last 20,000 facts reach back less.' }),
  })
  .meta({ id: 'Queue' });
export type QueueView = z.infer<typeof QueueView>;

export const QueueList = z.object({ items: z.array(QueueView) }).meta({ id: 'QueueList' });
export type QueueList = z.infer<typeof QueueList>;

export const PauseQueue = z
  .strictObject({
    reason: text(REASON_CHARACTERS).optional().meta({ description: 'For whoever asks why nothing starts.' }),
  })
  .default({});
export type PauseQueue = z.infer<typeof PauseQueue>;

export const QueueCommandDone = z
  .object({
    success: z.literal(true),
    message: z.string(),
    affected: count.meta({ description: 'Tickets in its lanes, as the broker counts them now.' }),
  })
  .meta({ id: 'QueueCommandDone' });
export type QueueCommandDone = z.infer<typeof QueueCommandDone>;

export const ListPending = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(LIMIT_DEFAULT),
  cursor: z.string().max(1024).optional().meta({ description: 'next_cursor of the page before.' }),
});
export type ListPending = z.infer<typeof ListPending>;

export const PendingTask = TaskSummaryView.extend({
  position: count.nullable().meta({
    description:
      'Waiting tasks ahead of it, 0 is next; null where the limits decide the order when a slot is free.',
  }),
  waits_for: z.enum(['turn', 'slot']),
}).meta({ id: 'PendingTask' });

export const PendingList = z
  .object({
    items: z.array(PendingTask),
    next_cursor: z.string().nullable(),
    projection: z.object({ sequence: z.int(), lag_ms: z.int().nullable() }),
  })
  .meta({ id: 'PendingList' });
export type PendingList = z.infer<typeof PendingList>;
