import { cleanedUp, statusOf } from '@millrace/domain';
import type { ExistingTask, Fact, TaskSpec } from '@millrace/domain';
import { notesOf, stateOf } from '@millrace/read-model';
import type { TaskNotes, TaskRow, TaskSummary } from '@millrace/read-model';
import type {
  TaskEventView,
  TaskOptionsView,
  TaskResult,
  TaskSummaryView,
  TaskView,
} from './task-view.schema.js';

/** What the state of a task does not say, but its facts do: all of the current or last attempt. */
export type TaskTraces = Pick<TaskNotes, 'worker' | 'started_at' | 'progress'>;

export const NO_TRACES: TaskTraces = { worker: null, started_at: null, progress: null };

/** A task as lists show it. */
export function summaryOf(state: ExistingTask, traces: TaskTraces, now: number): TaskSummaryView {
  const { spec, attempts } = state;
  const { worker, started_at, progress } = traces;
  const finished_at = 'finished_at' in state ? state.finished_at : null;
  return {
    task_id: state.id,
    task_name: spec.name,
    status: statusOf(state),
    queue: state.queue,
    priority: spec.priority,
    // The log has a report every 15 s only: the last one says little of a task that has come to its end.
    progress: state.phase === 'succeeded' || state.phase === 'cleaned' ? null : progress,
    attempt: attempts.begun,
    max_retries: spec.retry.max_retries,
    worker,
    error: ('error' in state ? state.error : undefined) ?? null,
    submitted_at: spec.submitted_at,
    started_at,
    finished_at,
    cleaned_at: state.phase === 'cleaned' ? state.cleaned_at : null,
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

/** The same of a task in the archive. */
export function summaryOfRow(stored: TaskSummary | TaskRow, now: number): TaskSummaryView {
  const row = Object.assign({ parameters: undefined, result: undefined }, stored);
  return summaryOf(stateOf(row), notesOf(row), now);
}

/** What a reader of one task must be told. */
export const noticeOf = (state: ExistingTask): string | null =>
  state.phase === 'cleaned' ? cleanedUp(state).message : null;

export const optionsOf = (spec: TaskSpec): TaskOptionsView => ({
  retry: spec.retry,
  soft_time_limit: spec.soft_time_limit,
  time_limit: spec.time_limit,
  expires_at: spec.expires_at ?? null,
  unique_key: spec.unique_key ?? null,
  concurrency_key: spec.concurrency_key ?? null,
});

/** The run that the task is a branch of; null for any other. */
export const originOf = ({ branched_from }: TaskSpec): TaskView['branched_from'] =>
  branched_from ? { task_id: branched_from.task_id, sequence: branched_from.sequence } : null;

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
