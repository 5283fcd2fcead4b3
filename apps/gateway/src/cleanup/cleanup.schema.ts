import { z } from 'zod';
import { Name } from '../tasks/submit-task.schema.js';

const count = z.int().nonnegative();
const time = z.string().meta({ format: 'date-time' });

export const CleanUp = z
  .strictObject({
    dry_run: z
      .boolean()
      .default(false)
      .meta({ description: 'Change nothing; only tell what would be done.' }),
    queue: Name.optional().meta({ description: 'Only tasks of this queue.' }),
    task_name: Name.optional().meta({ description: 'Only tasks of this name.' }),
  })
  .default({ dry_run: false })
  .meta({ id: 'CleanUp' });
export type CleanUp = z.infer<typeof CleanUp>;

const byTask = z.record(z.string(), z.record(z.string(), count)).meta({
  description: 'Tasks by name, and by how they had ended.',
});

const results = {
  tasks_cleaned: count,
  state_cleaned: count.meta({ description: 'Of these, tasks that had a checkpoint or steps to go on from.' }),
  temp_files_cleaned: count.meta({
    description: 'Files removed, of these tasks and of others that are over.',
  }),
  by_task: byTask,
  errors: z.array(z.object({ task_id: z.string(), detail: z.string() })).meta({
    description: 'Tasks that could not be cleaned up, the first 20. The next run tries them again.',
  }),
};

export const CleanupDone = z
  .object({
    success: z.boolean().meta({ description: 'Nothing went wrong.' }),
    results: z.object(results),
    message: z.string(),
    dry_run: z.boolean(),
    is_complete: z.boolean().meta({ description: 'Nothing is left to do; otherwise the next run goes on.' }),
  })
  .meta({ id: 'CleanupDone' });
export type CleanupDone = z.infer<typeof CleanupDone>;

export const CleanupRun = z
  .object({
    sequence: z.int().meta({ description: 'Of the event on OPS.' }),
    started_at: time,
    duration_ms: z.number(),
    actor: z.string().meta({ description: '`scheduler` for the regular runs.' }),
    queue: z.string().nullable(),
    task_name: z.string().nullable(),
    ...results,
    is_complete: z.boolean(),
  })
  .meta({ id: 'CleanupRun' });
export type CleanupRun = z.infer<typeof CleanupRun>;

export const CleanupRuns = z
  .object({
    since: time.meta({ description: 'What is told of begins here: the last 7 days.' }),
    totals: z.object({
      runs: count,
      tasks_cleaned: count,
      state_cleaned: count,
      temp_files_cleaned: count,
      errors: count,
      by_task: byTask,
    }),
    items: z.array(CleanupRun).meta({ description: 'The newest first, 100 at most.' }),
  })
  .meta({ id: 'CleanupRuns' });
export type CleanupRuns = z.infer<typeof CleanupRuns>;
