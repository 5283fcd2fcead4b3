import { PRIORITY } from '@millrace/domain';
import { POSITION_LIMIT } from '@millrace/read-model';
import { z } from 'zod';
import { TaskId, seconds, time } from './submit-task.schema.js';

const Priority = z.int().min(PRIORITY.min).max(PRIORITY.max);

export const PrioritiseTask = z
  .strictObject({ priority: Priority.meta({ description: '0 to 10; 10 runs first.' }) })
  .meta({ id: 'PrioritiseTask' });
export type PrioritiseTask = z.infer<typeof PrioritiseTask>;

export const PrioritisedTask = z
  .object({
    success: z.boolean(),
    message: z.string(),
    task_id: TaskId,
    priority: Priority,
    position: z.int().nullable().meta({
      description:
        'Tasks that run before it; null beyond 1,000, where it is not known, and while it is in no lane.',
    }),
    sequence: z.int(),
  })
  .meta({ id: 'PrioritisedTask' });
export type PrioritisedTask = z.infer<typeof PrioritisedTask>;

const NO_POSITION = `must be a whole number from 0 (runs next) to ${POSITION_LIMIT}, "front" or "back": each place costs a move of a task ahead of it. To move a task farther back, give it a lower priority.`;

export const ReorderTask = z
  .strictObject({
    position: z
      .union([z.int().min(0, NO_POSITION).max(POSITION_LIMIT, NO_POSITION), z.literal(['front', 'back'])], {
        error: NO_POSITION,
      })
      .meta({
        description:
          'How many tasks of the queue are to run before it; one beyond the end is the last place. `front` is 0, `back` is behind all of its own priority.',
      }),
  })
  .meta({ id: 'ReorderTask' });
export type ReorderTask = z.infer<typeof ReorderTask>;

export const MovedTask = z
  .object({
    success: z.boolean(),
    message: z.string(),
    task_id: TaskId,
    new_position: z.int().nullable().meta({ description: 'Tasks ahead of it; null beyond 1,000.' }),
    priority: Priority,
  })
  .meta({ id: 'MovedTask' });
export type MovedTask = z.infer<typeof MovedTask>;

export const RescheduleTask = z
  .strictObject({
    eta: time.optional().meta({ description: 'Not before this time; one in the past is now.' }),
    delay_seconds: seconds.optional().meta({ description: 'Not before so many seconds from now.' }),
  })
  .refine(({ eta, delay_seconds }) => (eta === undefined) !== (delay_seconds === undefined), {
    error: 'eta and delay_seconds both say when the task may start: give one of them.',
  })
  .meta({ id: 'RescheduleTask' });
export type RescheduleTask = z.infer<typeof RescheduleTask>;
