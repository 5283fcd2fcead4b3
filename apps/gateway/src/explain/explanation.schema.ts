import { z } from 'zod';
import { TaskId, TaskStatusName } from '../tasks/submit-task.schema.js';

const time = z.string().meta({ format: 'date-time' });
const ahead = z.int().nullable().meta({
  description: 'Tasks before it, 0 is next; null when they are more than 1,000, or Postgres is away.',
});
const lane = z.string().meta({ description: 'The lane it waits in: `front`, or `p10` to `p0`.' });
const labels = z.record(z.string(), z.string());

const Turn = z.object({ type: z.literal('turn'), queue: z.string(), lane, ahead });

const Worker = z.object({
  type: z.literal('worker'),
  reason: z
    .enum(['none_serves_queue', 'no_handler', 'labels', 'none_free', 'lost'])
    .meta({ description: 'lost: the worker that runs it shows no sign of life.' }),
  queue: z.string(),
  task_name: z.string(),
  workers: z
    .array(z.string())
    .meta({ description: 'Those that serve the queue, or the one that is lost; the first 20.' }),
  requires: labels.optional().meta({ description: 'labels: those that a worker must have.' }),
  slots: z.int().optional().meta({ description: 'none_free: of all workers that can run it.' }),
  takeover_by: time
    .optional()
    .meta({ description: 'lost: by then the lease of the lost worker is over, unless it comes back.' }),
});

const Limit = z.object({
  limit: z.enum(['concurrency', 'rate_limit', 'key_concurrency', 'key_rate_limit']),
  allowed: z.int(),
  used: z.int().nullable().meta({
    description:
      'Tasks that have a slot; beyond 20 some of them may have ended just now. null when it is not known.',
  }),
  concurrency_key: z.string().optional(),
  holders: z.array(TaskId).meta({ description: 'Tasks that have the slots, the first 20.' }),
  opens_at: time.nullable().meta({ description: 'A rate: when the next task may start, if that is known.' }),
});
export type Limit = z.infer<typeof Limit>;

const Slot = z.object({
  type: z.literal('slot'),
  queue: z.string(),
  lane,
  ahead,
  limits: z.array(Limit).meta({ description: 'The limits that hold it; empty when none is known to.' }),
});

const Time = z.object({
  type: z.literal('time'),
  reason: z.enum(['delay', 'retry', 'sleep']),
  until: time,
});

const Signal = z.object({
  type: z.literal('signal'),
  signal: z.string(),
  until: time.nullable().meta({ description: 'It goes on without the signal then; null: never.' }),
});

const Resume = z.object({
  type: z.literal('resume'),
  what: z.enum(['task', 'queue']),
  by: z.string().nullable(),
  since: time.nullable(),
  reason: z.string().nullable(),
});

const Nothing = z.object({ type: z.literal('nothing') });

export const WaitingFor = z
  .discriminatedUnion('type', [Turn, Worker, Slot, Time, Signal, Resume, Nothing])
  .meta({ id: 'WaitingFor', description: 'What must happen next. nothing: it runs, or has ended.' });
export type WaitingFor = z.infer<typeof WaitingFor>;

export const Explanation = z
  .object({
    state: TaskStatusName,
    because: z.array(z.string()).meta({
      description:
        'Sentences, the most important first: why it is where it is, then why it ran more than once.',
    }),
    waiting_for: WaitingFor,
  })
  .meta({ id: 'Explanation' });
export type Explanation = z.infer<typeof Explanation>;

/** What a part of an explanation comes to. */
export type Reasons = Pick<Explanation, 'because' | 'waiting_for'>;

export const explanationExample: Explanation = {
  state: 'PENDING',
  because: [
    'It waits in the lane p7 of the queue default.',
    'It was retried at 2026-03-01T09:31:00.000Z by api:ops.',
    'All 4 slots of the 1 worker that can run it are taken; the longest runs 019f3c1e-0000-7cc3-9d1b-6f2b1f0c8a11 since 2026-03-01T09:00:00.000Z on worker-7f3a. Start more workers, or wait for one of them.',
    '3 tasks of the queue run before it.',
    'Attempt 2 began on worker-7f3a at 2026-03-01T09:30:10.000Z because attempt 1 failed with Error: out of ink.',
  ],
  waiting_for: { type: 'turn', queue: 'default', lane: 'p7', ahead: 3 },
};
