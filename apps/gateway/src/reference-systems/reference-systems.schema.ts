import { z } from 'zod';
import { TaskErrorView, TaskResult, TaskStatusView } from '../tasks/task-view.schema.js';
import type { TaskErrorView as ErrorView } from '../tasks/task-view.schema.js';

const message = z.string().nullable().meta({ description: 'The message of error_detail.' });
const detail = TaskErrorView.nullable();

/** A status whose progress is a number and whose error is a text, as clients of the reference systems print them. */
export const PlainStatus = TaskStatusView.extend({
  progress: z.number().nullable().meta({ description: 'Percent; 100 once it has succeeded.' }),
  progress_detail: TaskStatusView.shape.progress,
  error: message,
  error_detail: detail,
}).meta({ id: 'PlainStatus' });
export type PlainStatus = z.infer<typeof PlainStatus>;

export const PlainResult = TaskResult.extend({ error: message, error_detail: detail }).meta({
  id: 'PlainResult',
});
export type PlainResult = z.infer<typeof PlainResult>;

export const plainStatus = ({ progress, error, ...status }: TaskStatusView): PlainStatus => ({
  ...status,
  progress: status.status === 'SUCCESS' ? 100 : (progress?.percent ?? null),
  progress_detail: progress,
  ...plainError(error),
});

export const plainResult = ({ error, ...result }: TaskResult): PlainResult => ({
  ...result,
  ...plainError(error),
});

const plainError = (error: z.infer<typeof ErrorView> | null) => ({
  error: error?.message ?? null,
  error_detail: error,
});
