import { PRIORITY } from '@millrace/domain';
import { z } from 'zod';
import { Name, Parameters, TaskId, TaskStatusName } from './submit-task.schema.js';
import { BranchOrigin } from './task-view.schema.js';

export const BranchTask = z
  .strictObject({
    from_sequence: z.int().positive().optional().meta({
      description: 'A checkpoint or step of the task; its last one when left out, its start without any.',
    }),
    parameters: Parameters.optional().meta({ description: 'Those of the task when left out.' }),
    queue: Name.optional().meta({ description: 'That of the task when left out.' }),
    task_name: Name.optional().meta({ description: 'Another handler, which must begin the same steps.' }),
    priority: z.int().min(PRIORITY.min).max(PRIORITY.max).optional(),
  })
  .meta({ id: 'BranchTask' })
  .default({});
export type BranchTask = z.infer<typeof BranchTask>;

export const BranchedTask = z
  .object({
    task_id: TaskId.meta({ description: 'The new task.' }),
    branched_from: BranchOrigin,
    status: TaskStatusName,
    queue: z.string(),
    sequence: z.int().meta({ description: 'Where the log has the new task.' }),
  })
  .meta({ id: 'BranchedTask' });
export type BranchedTask = z.infer<typeof BranchedTask>;
