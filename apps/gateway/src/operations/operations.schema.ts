import { operationRecordSchema } from '@millrace/log';
import { z } from 'zod';
import { TaskId } from '../tasks/submit-task.schema.js';

const LIST_DEFAULT = 50;
const LIST_MOST = 500;

/** What can be done to many tasks by a filter. */
export const TASK_ACTIONS = ['retry', 'resume', 'cancel', 'pause', 'priority', 'move-to-front'] as const;
const ACTIONS = [...TASK_ACTIONS, 'purge', 'undo'] as const;
export type OperationAction = (typeof ACTIONS)[number];

/** Those that end tasks and can give them back. */
export const UNDOABLE: ReadonlySet<string> = new Set<OperationAction>(['cancel', 'purge']);

export const OperationId = TaskId.meta({ example: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33' });

const { shape } = operationRecordSchema;
const time = z.string().meta({ format: 'date-time' });

export const Operation = z
  .object({
    operation_id: OperationId,
    action: z.enum(ACTIONS),
    status: z.enum(['running', 'done', 'stopped', 'failed', 'interrupted']).meta({
      description:
        'stopped: by somebody, or with its gateway. interrupted: its gateway has died. What was done by then stays done.',
    }),
    actor: shape.actor.meta({ description: 'Who asked for it.' }),
    wish: shape.wish.meta({ description: 'What was asked for: the filter, and whatever goes with it.' }),
    matched: shape.matched.meta({ description: 'Tasks that were looked at so far.' }),
    done: shape.done,
    refused: shape.refused.meta({ description: 'Tasks that it was not done to; counted.' }),
    has_more: shape.has_more.meta({ description: 'There are more than were looked at: ask again.' }),
    stopped: shape.stopped.meta({ description: 'Why it ended early, if it did.' }),
    started_at: time,
    finished_at: time.nullable(),
    undo_until: time.nullable().meta({ description: 'Null while it runs, and for what cannot be undone.' }),
  })
  .meta({ id: 'Operation' });
export type Operation = z.infer<typeof Operation>;

export const OperationList = z.object({ items: z.array(Operation) }).meta({ id: 'OperationList' });
export type OperationList = z.infer<typeof OperationList>;

export const ListOperations = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIST_MOST).default(LIST_DEFAULT),
});
export type ListOperations = z.infer<typeof ListOperations>;

export const Background = z
  .boolean()
  .default(false)
  .meta({ description: 'Answer 202 at once; GET /operations/{operation_id} tells how far it is.' });

export const UndoOperation = z.strictObject({ background: Background }).default({ background: false });
export type UndoOperation = z.infer<typeof UndoOperation>;

const one: Operation = {
  operation_id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33',
  action: 'cancel',
  status: 'running',
  actor: 'api:ada',
  wish: { filter: { queue: 'default', tag: 'nightly' } },
  matched: 12_000,
  done: 11_998,
  refused: 2,
  has_more: false,
  stopped: null,
  started_at: '2026-03-01T09:31:00.000Z',
  finished_at: null,
  undo_until: null,
};

const done: Operation = {
  ...one,
  status: 'done',
  finished_at: '2026-03-01T09:31:04.000Z',
  undo_until: '2026-03-01T10:31:04.000Z',
};

/** What the OpenAPI document shows. */
export const operationExamples = {
  one,
  done,
  stopping: { ...one, status: 'stopped', stopped: 'Stopped by api:ada.', has_more: true },
  list: { items: [one] },
} as const;
