import { z } from 'zod';
import { TaskId, TaskStatusName } from './submit-task.schema.js';
import { AttemptView, TaskErrorView } from './task-view.schema.js';

export const DiffQuery = z.strictObject({ with: TaskId.meta({ description: 'The task on the right.' }) });
export type DiffQuery = z.infer<typeof DiffQuery>;

export const DiffedStep = z
  .object({
    task_id: TaskId.meta({ description: 'Whose fact it is: a branch takes over those of its origin.' }),
    sequence: z.int(),
    attempt: z.int(),
    at: z.string().meta({ format: 'date-time' }),
    duration_ms: z.number().nullable(),
    output: z.unknown().meta({
      description: 'Result of a step, state of a checkpoint; null when it is over 16 KiB long.',
    }),
    output_bytes: z.int(),
  })
  .meta({ id: 'DiffedStep' });
export type DiffedStep = z.infer<typeof DiffedStep>;

const End = z
  .object({ status: TaskStatusName, result: z.unknown(), error: TaskErrorView.nullable() })
  .meta({ id: 'DiffedEnd' });

const Totals = z
  .object({
    events: z.int(),
    steps: z.int().meta({ description: 'Steps and checkpoints, those taken over included.' }),
    attempts: z.int(),
    attempts_ms: z.number().meta({ description: 'Time of all attempts together.' }),
    elapsed_seconds: z.number().nullable().meta({ description: 'From its submission to its end.' }),
  })
  .meta({ id: 'DiffedTotals' });

const sides = <T extends z.ZodType>(side: T) => ({ left: side, right: side, same: z.boolean() });

export const TaskDiff = z
  .object({
    left: TaskId,
    right: TaskId,
    parameters_changed: z
      .array(z.string())
      .meta({ description: 'Paths that differ, as `film.frames[3]`; at most 100.' }),
    steps: z.array(
      z.object({
        name: z.string().meta({ description: 'Of the step; of the same name the second is `name#2`.' }),
        kind: z.enum(['step', 'checkpoint']),
        ...sides(DiffedStep.nullable()),
      }),
    ),
    attempts: z.object(sides(z.array(AttemptView))),
    result: z.object(sides(End)),
    totals: z.object({ left: Totals, right: Totals }),
  })
  .meta({ id: 'TaskDiff' });
export type TaskDiff = z.infer<typeof TaskDiff>;
