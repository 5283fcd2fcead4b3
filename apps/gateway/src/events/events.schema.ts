import { KINDS } from '@millrace/domain';
import type { Kind } from '@millrace/domain';
import { z } from 'zod';
import { Name, TaskId } from '../tasks/submit-task.schema.js';
import { TaskEventView } from '../tasks/task-view.schema.js';

/** As an id of an event is sent back. */
export const Sequence = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'must be the id of an event, a whole number.' })
  .transform(Number);

const resumeAfter = Sequence.optional().meta({
  type: 'string',
  description: 'The same as the header Last-Event-ID, for clients that cannot send it; the header wins.',
});

const progress = z.stringbool({ error: 'must be true or false.' }).default(false).meta({
  type: 'boolean',
  description:
    'Sends live progress, too, at most once a second for each task: events `progress` without an id, their `sequence` is null. Some may be lost.',
});

const kinds = z
  .preprocess(
    (given) => (typeof given === 'string' ? given.split(',') : given),
    z.array(z.enum(KINDS)).min(1).optional(),
  )
  .meta({
    type: 'array',
    items: { type: 'string', enum: [...KINDS] },
    description: 'One or several, separated by commas.',
  });

export const TaskStreamQuery = z.strictObject({
  last_event_id: resumeAfter,
  progress,
  until: z.literal('end').optional().meta({
    description:
      'Ends the stream with the event `end` when the task has ended; without it, the stream stays open.',
  }),
});
export type TaskStreamQuery = z.infer<typeof TaskStreamQuery>;

export const EventStreamQuery = z.strictObject({
  last_event_id: resumeAfter,
  queue: Name.optional(),
  kind: kinds.optional(),
  task_name: Name.optional(),
  progress,
});
export type EventStreamQuery = z.infer<typeof EventStreamQuery> & { kind?: Kind[] | undefined };

/** The data of an event that is a transition of a task. */
export const StreamedEvent = TaskEventView.extend({ task_id: TaskId, queue: z.string() }).meta({
  id: 'StreamedEvent',
  description: 'The data of an event. Its id is `sequence`, its name is `kind`.',
});
export type StreamedEvent = z.infer<typeof StreamedEvent>;

/** The data of live progress: like that of a `progress` of the log, less its place there. */
export type StreamedProgress = Omit<StreamedEvent, 'sequence' | 'actor'> & { sequence: null; actor: null };

/** The data of `gap`. */
export interface Gap {
  /** Events after this sequence are missing. */
  after: number;
  /** Before this one; null: nobody knows. */
  before: number | null;
  detail: string;
}
