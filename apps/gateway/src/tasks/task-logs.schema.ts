import { logLineSchema } from '@millrace/log';
import { z } from 'zod';

const LIMIT_DEFAULT = 200;
const LIMIT_MOST = 1000;

export const ListTaskLogs = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .meta({ description: 'Lines behind this sequence: next of the page before.' }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(LIMIT_DEFAULT),
});
export type ListTaskLogs = z.infer<typeof ListTaskLogs>;

const { shape } = logLineSchema;

export const TaskLogLine = z
  .object({
    sequence: z.int().meta({ description: 'Place of the line; grows over all attempts.' }),
    at: z.string().meta({ format: 'date-time' }),
    level: shape.level.meta({ description: 'trace, debug, info, warn, error or fatal.' }),
    message: shape.message,
    attempt: shape.attempt,
    worker: shape.worker,
    fields: shape.fields.meta({
      description: 'What was logged beside the message. Of a line over 8 KiB only cut: their beginning.',
    }),
  })
  .meta({ id: 'TaskLogLine' });

export const TaskLogs = z
  .object({
    items: z.array(TaskLogLine),
    next: z.int().meta({
      description: 'Pass it as after for what comes next. No items: there is no more by now.',
    }),
  })
  .meta({ id: 'TaskLogs' });
export type TaskLogs = z.infer<typeof TaskLogs>;

export const taskLogsExample: TaskLogs = {
  items: [
    {
      sequence: 815,
      at: '2026-03-01T09:30:00.120Z',
      level: 'info',
      message: 'Greeted',
      attempt: 1,
      worker: 'mill-1-4711-9c1d2e3f',
      fields: { who: 'Ada' },
    },
  ],
  next: 815,
};
