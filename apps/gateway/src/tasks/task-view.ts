import { statusOf } from '@millrace/domain';
import type { ExistingTask, Fact, Progress, TaskSpec } from '@millrace/domain';
import type { TaskRow, TaskSummary } from '@millrace/read-model';
import type { TaskEventView, TaskOptionsView, TaskResult, TaskSummaryView } from './task-view.schema.js';

/** What the state of a task does not say, but its facts do. */
export interface TaskTraces {
  /** The `started` fact of the current or last attempt. */
  started: (Fact & { kind: 'started' }) | undefined;
  progress: Progress | undefined;
}

/** A task as the log has it. */
export function summaryOf(
  state: ExistingTask,
  { started, progress }: TaskTraces,
  now: number,
): TaskSummaryView {
  const { spec, attempts } = state;
  const finished_at = 'finished_at' in state ? state.finished_at : null;
  const started_at = state.phase === 'running' ? state.started_at : (started?.at ?? null);
  return {
    task_id: state.id,
    task_name: spec.name,
    status: statusOf(state),
    queue: state.queue,
    priority: spec.priority,
    progress: progress ?? null,
    attempt: attempts.begun,
    max_retries: spec.retry.max_retries,
    worker: state.phase === 'running' ? state.run.worker : (started?.data.worker ?? null),
    error: ('error' in state ? state.error : undefined) ?? null,
    submitted_at: spec.submitted_at,
    started_at,
    finished_at,
    elapsed_seconds: elapsed(started_at, state.phase === 'running' ? now : finished_at),
    correlation_id: spec.correlation_id ?? null,
    tags: spec.tags ?? [],
    user_id: spec.user_id ?? null,
    reason: 'reason' in state ? state.reason : null,
    waits_until: state.phase === 'scheduled' ? state.until : null,
    updated_at: state.updated_at,
    sequence: state.sequence,
  };
}

/** A task as the archive has it. */
export function summaryOfRow(row: TaskSummary, now: number): TaskSummaryView {
  return {
    task_id: row.id,
    task_name: row.name,
    status: row.status,
    queue: row.queue,
    priority: row.priority,
    progress: row.progress,
    attempt: row.begun,
    max_retries: row.retry.max_retries,
    worker: row.worker,
    error: row.error,
    submitted_at: row.submitted_at,
    started_at: row.started_at,
    finished_at: row.finished_at,
    elapsed_seconds: elapsed(row.started_at, row.phase === 'running' ? now : row.finished_at),
    correlation_id: row.correlation_id,
    tags: row.tags ?? [],
    user_id: row.user_id,
    reason: row.reason,
    waits_until: row.until,
    updated_at: row.updated_at,
    sequence: row.sequence,
  };
}

export const optionsOf = (spec: TaskSpec): TaskOptionsView => ({
  retry: spec.retry,
  soft_time_limit: spec.soft_time_limit,
  time_limit: spec.time_limit,
  expires_at: spec.expires_at ?? null,
  unique_key: spec.unique_key ?? null,
  concurrency_key: spec.concurrency_key ?? null,
});

export const optionsOfRow = (row: TaskRow): TaskOptionsView => ({
  retry: row.retry,
  soft_time_limit: row.soft_time_limit,
  time_limit: row.time_limit,
  expires_at: row.expires_at,
  unique_key: row.unique_key,
  concurrency_key: row.concurrency_key,
});

export const resultOf = (state: ExistingTask): TaskResult => ({
  task_id: state.id,
  status: statusOf(state),
  result: state.phase === 'succeeded' ? state.result : null,
  error: state.phase === 'failed' ? state.error : null,
});

export const eventOf = ({ sequence, kind, at, actor, data }: Fact): TaskEventView => ({
  sequence,
  kind,
  at,
  attempt: attemptOf(data),
  actor,
  data: data as Record<string, unknown>,
});

function attemptOf(data: object): number | null {
  const { attempt, run } = data as { attempt?: number; run?: { attempt: number } };
  return attempt ?? run?.attempt ?? null;
}

/** Null before the first attempt, and while the task waits for the next one. */
function elapsed(startedAt: string | null, end: string | number | null): number | null {
  if (startedAt === null || end === null) return null;
  const endedAt = typeof end === 'number' ? end : Date.parse(end);
  return Math.max(0, endedAt - Date.parse(startedAt)) / 1000;
}
