import { PRIORITY, STATUSES } from '@millrace/domain';
import { z } from 'zod';
import { text, time } from '../tasks/list-tasks.schema.js';
import { Name, TaskId, TaskStatusName } from '../tasks/submit-task.schema.js';
import { Background, OperationId, TASK_ACTIONS } from './operations.schema.js';

const LIMIT_DEFAULT = 10_000;
const LIMIT_MOST = 10_000_000;
const RATE_MOST = 10_000;

const statuses = z
  .preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(TaskStatusName).min(1))
  .meta({
    type: 'array',
    items: { type: 'string', enum: [...STATUSES] },
    description:
      'Looked at again in the log for each task. When left out: FAILURE for retry, PAUSED for resume, PENDING and RETRY for priority, PENDING for move-to-front, all that have not ended for cancel, and but PAUSED for pause.',
  });

export const ActionFilter = z
  .strictObject({
    status: statuses.optional(),
    queue: Name.optional(),
    task_name: Name.optional(),
    tag: text.optional(),
    user_id: text.optional(),
    submitted_after: time.optional().meta({ description: 'From this time on.' }),
    submitted_before: time.optional().meta({ description: 'Up to this time, exclusive; now when left out.' }),
    error: text.optional().meta({ description: 'Class of the error.' }),
    reason: text.optional().meta({ description: 'Such as `worker_lost`.' }),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: 'must name something: an empty filter means every task there is.',
  });
export type ActionFilter = z.infer<typeof ActionFilter>;

export const TaskAction = z
  .strictObject({
    action: z.enum(TASK_ACTIONS).meta({
      description:
        'move-to-front puts what waits for its turn or a delay there in the order of its submission.',
    }),
    filter: ActionFilter,
    rate_per_second: z
      .number()
      .positive()
      .max(RATE_MOST)
      .optional()
      .meta({ description: 'So many tasks in a second at most; as fast as it goes when left out.' }),
    from_start: z.boolean().default(false).meta({ description: 'Of retry: forget the last checkpoint.' }),
    priority: z
      .int()
      .min(PRIORITY.min)
      .max(PRIORITY.max)
      .optional()
      .meta({ description: 'Of priority, which needs it: 10 runs first.' }),
    limit: z
      .int()
      .min(1)
      .max(LIMIT_MOST)
      .default(LIMIT_DEFAULT)
      .meta({ description: 'So many tasks at most, the oldest first.' }),
    dry_run: z.boolean().default(false).meta({ description: 'Only look what would be done.' }),
    background: Background,
  })
  .refine(({ action, priority }) => (action === 'priority') === (priority !== undefined), {
    path: ['priority'],
    error: 'must be given with the action priority, and with no other.',
  })
  .refine(({ dry_run, background }) => !(dry_run && background), {
    path: ['background'],
    error: 'must be left out of a dry run, which is waited for.',
  })
  .meta({ id: 'TaskAction' });
export type TaskAction = z.infer<typeof TaskAction>;

export const TaskActionDone = z
  .object({
    operation_id: OperationId.nullable().meta({ description: 'Null of a dry run.' }),
    matched: z.int().meta({ description: 'Tasks that the filter found and that were looked at.' }),
    done: z.int(),
    refused: z
      .array(z.object({ task_id: TaskId, detail: z.string() }))
      .meta({ description: 'What was not done, and why; the first 1000.' }),
    refused_count: z.int(),
    has_more: z.boolean().meta({ description: 'There are more than were looked at: ask again.' }),
    stopped: z.string().nullable().meta({ description: 'Why it ended early, if it did.' }),
  })
  .meta({ id: 'TaskActionDone' });
export type TaskActionDone = z.infer<typeof TaskActionDone>;

const action: TaskAction = {
  action: 'retry',
  filter: { status: ['FAILURE'], queue: 'default', error: 'TypeError' },
  rate_per_second: 20,
  from_start: false,
  limit: LIMIT_DEFAULT,
  dry_run: false,
  background: false,
};

const done: TaskActionDone = {
  operation_id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33',
  matched: 3,
  done: 2,
  refused: [
    {
      task_id: '019f3c1e-7a52-7cc3-9d1b-6f2b1f0c8a11',
      detail: 'The task is SUCCESS by now; the filter asks for FAILURE.',
    },
  ],
  refused_count: 1,
  has_more: false,
  stopped: null,
};

/** What the OpenAPI document shows. */
export const actionExamples = { action, done } as const;
