import type { Json } from '../json.js';
import type {
  Attempts,
  CancelReason,
  EndedStatus,
  FailureReason,
  Progress,
  Run,
  TaskError,
  TaskSpec,
  WaitReason,
} from './facts.js';
import type { Lane } from './kinds.js';

/** The states as the API names them. */
export const STATUSES = [
  'PENDING',
  'STARTED',
  'PROCESSING',
  'SUCCESS',
  'FAILURE',
  'RETRY',
  'REVOKED',
  'PAUSED',
] as const;

/** What the API calls the state of a task. */
export type TaskStatus = (typeof STATUSES)[number];

/** What is known of every task in every phase. */
export interface KnownTask {
  id: string;
  queue: string;
  /** Sequence of the last fact: what the next write is conditional on. */
  sequence: number;
  updated_at: string;
  spec: TaskSpec;
  attempts: Attempts;
  /** The parameters, where a fact that was read holds them. */
  parameters?: Json;
  /** Sequence of the fact that holds the parameters; 0 when they were cleaned up. */
  input: number;
  /** Sequence of the last checkpoint; 0 without one. */
  checkpoint: number;
  /** Sequence of the last step since that checkpoint; 0 without one. */
  step: number;
}

/** There is no such task: nothing was written yet. */
export interface NoTask {
  phase: 'none';
}

/** Ready to run: a ticket waits in a lane. */
export interface ReadyTask extends KnownTask {
  phase: 'ready';
  lane: Lane;
  /** Sequence of the ticket a worker may claim with: older than the last fact after a hand-over. */
  ticket: number;
  /** Set when it fills a slot of the limits of its queue. */
  slot?: true;
}

/** Waits for a time: a delay, a retry after a failed attempt, a sleep, or a signal that has a time limit. */
export interface ScheduledTask extends KnownTask {
  phase: 'scheduled';
  until: string;
  lane: Lane;
  reason: WaitReason;
  waiting_for?: string;
  error?: TaskError;
}

/** Waits for something other than a time. */
export interface HeldTask extends KnownTask {
  phase: 'held';
  /** {@link SLOT}, or `signal:<name>`. */
  waiting_for: string;
  /** In which it becomes ready. */
  lane: Lane;
  /** Its place among those that wait in the same lane for a slot, the least first. */
  rank: number;
}

/** An attempt runs. */
export interface RunningTask extends KnownTask {
  phase: 'running';
  /** Lane of the ticket that the attempt was claimed with. */
  lane: Lane;
  run: Run;
  started_at: string;
  /** Whether the attempt has reported anything yet: PROCESSING, not only STARTED. */
  reported: boolean;
  progress?: Progress;
}

/** Put aside, resumable. */
export interface PausedTask extends KnownTask {
  phase: 'paused';
  reason: string;
  /** Its delay, if it was paused before its first start. */
  until?: string;
}

interface EndedTask extends KnownTask {
  finished_at: string;
}

export interface SucceededTask extends EndedTask {
  phase: 'succeeded';
  result: Json;
}

/** The dead letter: kept with its error, may return by retry or resume. */
export interface FailedTask extends EndedTask {
  phase: 'failed';
  error: TaskError;
  reason: FailureReason;
}

export interface CancelledTask extends EndedTask {
  phase: 'cancelled';
  reason: CancelReason;
  previous: string;
  operation?: string;
  until?: string;
}

/** Ended a while ago, and let go of: what it was asked to do and what came of it are in the archive of its facts only. Final. */
export interface CleanedTask extends EndedTask {
  phase: 'cleaned';
  /** As it had ended. */
  status: EndedStatus;
  cleaned_at: string;
}

export type ExistingTask =
  | ReadyTask
  | ScheduledTask
  | HeldTask
  | RunningTask
  | PausedTask
  | SucceededTask
  | FailedTask
  | CancelledTask
  | CleanedTask;

export type TaskState = NoTask | ExistingTask;

export const NO_TASK: NoTask = Object.freeze({ phase: 'none' });

/** What the API calls the state. */
export function statusOf(state: ExistingTask): TaskStatus {
  switch (state.phase) {
    case 'ready':
    case 'held':
      return 'PENDING';
    case 'scheduled':
      return state.reason === 'retry' ? 'RETRY' : 'PENDING';
    case 'running':
      return state.reported ? 'PROCESSING' : 'STARTED';
    case 'paused':
      return 'PAUSED';
    case 'succeeded':
      return 'SUCCESS';
    case 'failed':
      return 'FAILURE';
    case 'cancelled':
      return 'REVOKED';
    case 'cleaned':
      return state.status;
  }
}

/** What a task waits for that the limits of its queue hold back. */
export const SLOT = 'slot';

/** What a task waits for that is to wait for a signal. */
export const signalWait = (name: string): string => `signal:${name}`;

/** A task that has ended, whatever is left of it. */
export type FinishedTask = SucceededTask | FailedTask | CancelledTask | CleanedTask;

/** Whether nothing will happen to the task any more unless somebody asks for it. */
export const hasEnded = (state: TaskState): state is FinishedTask =>
  state.phase === 'succeeded' ||
  state.phase === 'failed' ||
  state.phase === 'cancelled' ||
  state.phase === 'cleaned';
