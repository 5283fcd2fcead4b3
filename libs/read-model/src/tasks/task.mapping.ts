import { laneRank, statusOf } from '@millrace/domain';
import type {
  Attempts,
  CancelReason,
  EndedStatus,
  ExistingTask,
  FailureReason,
  KnownTask,
  Progress,
  RunningTask,
  TaskSpec,
  WaitReason,
} from '@millrace/domain';
import type { TaskRow } from './task.entity.js';

/** What a row tells beside the state: the domain forgets it, readers ask for it. */
export interface TaskNotes {
  /** The oldest fact that the task needs in the log. */
  first_sequence: number;
  /** Of the current or last attempt. */
  worker: string | null;
  token: number | null;
  started_at: string | null;
  progress: Progress | null;
  /** The last ticket that the timer of this very wait has fired, and when. */
  due_ticket: number | null;
  due_at: string | null;
  /** Set from a resume until the task has ended. */
  resumed: true | null;
}

/** The row of a task. */
export function rowOf(state: ExistingTask, notes: TaskNotes): TaskRow {
  const { spec, attempts } = state;
  const lane = 'lane' in state ? state.lane : null;
  const ticket = state.phase === 'ready' ? state.ticket : state.phase === 'running' ? state.run.ticket : null;
  return {
    id: state.id,
    queue: state.queue,
    name: spec.name,
    status: statusOf(state),
    phase: state.phase,
    lane,
    lane_rank: lane && laneRank(lane),
    ticket,
    slot: (state.phase === 'ready' ? state.slot : state.phase === 'running' ? state.run.slot : null) ?? null,
    rank: state.phase === 'held' ? state.rank : null,
    turn: state.phase === 'ready' ? ticket : notes.due_ticket,
    priority: spec.priority,
    ...attempts,
    retry: spec.retry,
    soft_time_limit: spec.soft_time_limit,
    time_limit: spec.time_limit,
    submitted_at: isoTime(spec.submitted_at),
    expires_at: spec.expires_at === undefined ? null : isoTime(spec.expires_at),
    tags: spec.tags ?? null,
    user_id: spec.user_id ?? null,
    correlation_id: spec.correlation_id ?? null,
    unique_key: spec.unique_key ?? null,
    concurrency_key: spec.concurrency_key ?? null,
    parameters: state.parameters,
    input: state.input,
    checkpoint: state.checkpoint,
    step: state.step,
    branched_from: spec.branched_from ?? null,
    worker: notes.worker,
    token: notes.token,
    started_at: notes.started_at === null ? null : isoTime(notes.started_at),
    progress: notes.progress,
    result: state.phase === 'succeeded' ? state.result : undefined,
    error: ('error' in state && state.error) || null,
    reason: 'reason' in state ? state.reason : null,
    previous_status: state.phase === 'cancelled' ? state.previous : null,
    operation: state.phase === 'cancelled' ? (state.operation ?? null) : null,
    waiting_for: ('waiting_for' in state && state.waiting_for) || null,
    until: 'until' in state ? isoTime(state.until) : null,
    due_ticket: notes.due_ticket,
    due_at: notes.due_at === null ? null : isoTime(notes.due_at),
    first_sequence: notes.first_sequence,
    sequence: state.sequence,
    updated_at: isoTime(state.updated_at),
    finished_at: 'finished_at' in state ? isoTime(state.finished_at) : null,
    resumed: notes.resumed,
    cleaned_at: state.phase === 'cleaned' ? isoTime(state.cleaned_at) : null,
  };
}

/** What the row tells beside the state. */
export const notesOf = (row: TaskRow): TaskNotes => ({
  first_sequence: row.first_sequence,
  worker: row.worker,
  token: row.token,
  started_at: row.started_at,
  progress: row.progress,
  due_ticket: row.due_ticket,
  due_at: row.due_at,
  resumed: row.resumed,
});

/** The domain's state of a task, as the row has it. */
export function stateOf(row: TaskRow): ExistingTask {
  const known = knownOf(row);
  switch (row.phase) {
    case 'ready':
      return { phase: 'ready', ...known, lane: laneOf(row), ticket: row.ticket ?? 0, ...slotOf(row) };
    case 'scheduled':
      return {
        phase: 'scheduled',
        ...known,
        until: row.until ?? row.updated_at,
        lane: laneOf(row),
        reason: (row.reason ?? 'delay') as WaitReason,
        ...(row.waiting_for !== null && { waiting_for: row.waiting_for }),
        ...(row.error && { error: row.error }),
      };
    case 'held':
      return {
        phase: 'held',
        ...known,
        waiting_for: row.waiting_for ?? '',
        lane: laneOf(row),
        rank: row.rank ?? row.sequence,
      };
    case 'running':
      return runningOf(row, known);
    case 'paused':
      return {
        phase: 'paused',
        ...known,
        reason: row.reason ?? '',
        ...(row.until !== null && { until: row.until }),
      };
    case 'succeeded':
      return { phase: 'succeeded', ...known, result: row.result ?? null, finished_at: finishOf(row) };
    case 'failed':
      return {
        phase: 'failed',
        ...known,
        error: row.error ?? { name: 'Error', message: '' },
        reason: row.reason as FailureReason,
        finished_at: finishOf(row),
      };
    case 'cancelled':
      return {
        phase: 'cancelled',
        ...known,
        reason: row.reason as CancelReason,
        previous: row.previous_status ?? '',
        ...(row.operation !== null && { operation: row.operation }),
        ...(row.until !== null && { until: row.until }),
        finished_at: finishOf(row),
      };
    case 'cleaned':
      return {
        phase: 'cleaned',
        ...known,
        status: row.status as EndedStatus,
        finished_at: finishOf(row),
        cleaned_at: row.cleaned_at ?? row.updated_at,
      };
  }
}

function knownOf(row: TaskRow): KnownTask {
  return {
    id: row.id,
    queue: row.queue,
    sequence: row.sequence,
    updated_at: row.updated_at,
    spec: specOf(row),
    attempts: attemptsOf(row),
    ...(row.parameters !== undefined && { parameters: row.parameters }),
    input: row.input,
    checkpoint: row.checkpoint,
    step: row.step,
  };
}

const attemptsOf = ({ begun, failed, lost }: TaskRow): Attempts => ({ begun, failed, lost });

function specOf(row: TaskRow): TaskSpec {
  const { name, priority, retry, soft_time_limit, time_limit, submitted_at } = row;
  return {
    name,
    priority,
    retry,
    soft_time_limit,
    time_limit,
    submitted_at,
    ...(row.expires_at !== null && { expires_at: row.expires_at }),
    ...(row.tags !== null && { tags: row.tags }),
    ...(row.user_id !== null && { user_id: row.user_id }),
    ...(row.correlation_id !== null && { correlation_id: row.correlation_id }),
    ...(row.unique_key !== null && { unique_key: row.unique_key }),
    ...(row.concurrency_key !== null && { concurrency_key: row.concurrency_key }),
    ...(row.branched_from !== null && { branched_from: row.branched_from }),
  };
}

function runningOf(row: TaskRow, known: KnownTask): RunningTask {
  const { begun, ...spent } = known.attempts;
  return {
    phase: 'running',
    ...known,
    lane: laneOf(row),
    run: {
      attempt: begun,
      worker: row.worker ?? '',
      ticket: row.ticket ?? 0,
      token: row.token ?? row.sequence,
      ...spent,
      ...(row.checkpoint > 0 && { checkpoint: row.checkpoint }),
      ...(row.step > 0 && { step: row.step }),
      ...slotOf(row),
    },
    started_at: row.started_at ?? row.updated_at,
    reported: row.status === 'PROCESSING',
    ...(row.progress && { progress: row.progress }),
  };
}

const laneOf = (row: TaskRow): NonNullable<TaskRow['lane']> => row.lane ?? 'p5';
const slotOf = ({ slot }: TaskRow): { slot?: true } => (slot ? { slot } : {});
const finishOf = (row: TaskRow): string => row.finished_at ?? row.updated_at;

const ISO_LENGTH = '2026-01-01T00:00:00.000Z'.length;

/** UTC to the millisecond, as our writers put it and as Postgres gives it back. */
export const isoTime = (text: string): string =>
  text.length === ISO_LENGTH && text.endsWith('Z') ? text : new Date(text).toISOString();
