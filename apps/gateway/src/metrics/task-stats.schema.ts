import { z } from 'zod';
import { TaskStatusName } from '../tasks/submit-task.schema.js';

const StatusCounts = z.record(TaskStatusName, z.int()).meta({ id: 'StatusCounts' });
export type StatusCounts = z.infer<typeof StatusCounts>;

const Rates = z
  .object({
    seconds: z.number().meta({ description: 'How long the time was: it begins with a whole minute.' }),
    submitted: z.int(),
    started: z.int(),
    completed: z.int(),
    failed: z.int(),
    retried: z.int(),
    cancelled: z.int(),
    started_per_second: z.number(),
    finished_per_second: z.number(),
  })
  .meta({ id: 'TaskRates' });
export type Rates = z.infer<typeof Rates>;

export const TaskStats = z
  .object({
    total_tasks: z.int(),
    by_status: StatusCounts,
    by_queue: z.record(z.string(), StatusCounts),
    by_task_name: z.record(z.string(), StatusCounts),
    rates: z.object({ last_minute: Rates, last_hour: Rates, last_day: Rates }),
    operations: z
      .object({
        paused: z.int(),
        resumed: z.int(),
        resumed_completed: z.int(),
        resumed_failed: z.int(),
        resume_success_rate: z.number().nullable().meta({
          description:
            'Percent of the resumed tasks that ended since and succeeded; null while there is none.',
        }),
        redriven: z.int().meta({ description: 'Failed tasks retried by hand.' }),
        reordered: z.int().meta({ description: 'Tasks that were given another place, once for each time.' }),
        lost: z.int().meta({ description: 'Attempts lost with their worker.' }),
      })
      .meta({ description: 'Since the beginning.' }),
    projection: z.object({ sequence: z.int(), lag_ms: z.number().nullable() }),
    timestamp: z.string().meta({ format: 'date-time' }),
  })
  .meta({ id: 'TaskStats' });
export type TaskStats = z.infer<typeof TaskStats>;
