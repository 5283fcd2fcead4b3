import type { Json } from '../json.js';
import type { RetryPolicy } from '../retry-policy.js';
import type { Kind, Lane } from './kinds.js';

/** What was asked for: fixed at submission, but for the priority. Names are those of REST, the log and the read model alike. */
export interface TaskSpec {
  name: string;
  /** 0 to 10; 10 runs first. */
  priority: number;
  retry: RetryPolicy;
  /** Seconds after which the attempt is asked to stop. */
  soft_time_limit: number;
  /** Seconds after which the attempt is ended. */
  time_limit: number;
  submitted_at: string;
  /** The task never starts after this time; once it has started, it may finish, retries and hand-overs included. */
  expires_at?: string;
  tags?: string[];
  user_id?: string;
  correlation_id?: string;
  unique_key?: string;
  concurrency_key?: string;
  /** The run that this task branched from, and the checkpoint or step it starts after. */
  branched_from?: Branching;
}

/** Where a branch begins: at a checkpoint or a step of another task. */
export interface Branching {
  task_id: string;
  sequence: number;
  /** Sequence of the oldest fact that it takes over: until it has ended, the log must keep it. */
  oldest: number;
}

/** Counted from facts, never from deliveries, which go back when the broker crashes. */
export interface Attempts {
  /** Attempts begun so far: the number of the current or last one. */
  begun: number;
  /** Attempts that failed since the submission or the last redrive; they count against `max_retries`. */
  failed: number;
  /** Attempts lost in a row with their worker; a checkpoint, a step or a clean hand-over resets it. */
  lost: number;
}

/** The whole task, as every fact carries it from which an attempt may start: no reader needs the history. */
export interface TaskCard {
  task: TaskSpec;
  attempts: Attempts;
  /** The parameters; absent where `input` says which fact holds them. */
  parameters?: Json;
  /** Sequence of the fact that holds the parameters (they are over {@link INLINE_PARAMETERS_BYTES} long). */
  input?: number;
  /** Sequence of the last checkpoint. */
  checkpoint?: number;
  /** Sequence of the last step since that checkpoint. */
  step?: number;
}

/** The running attempt, as its own facts name it: enough to take it over without reading what came before. */
export interface Run {
  /** Number of the attempt, from 1. */
  attempt: number;
  /** The worker process: a new id at each start. */
  worker: string;
  /** Stream sequence of the ticket that was claimed. */
  ticket: number;
  /** Sequence of the `started` fact: the fencing token. */
  token: number;
  failed: number;
  lost: number;
  /** Sequence of the last checkpoint. */
  checkpoint?: number;
  /** Sequence of the last step since that checkpoint. */
  step?: number;
  /** The attempt fills a slot of the limits of its queue. */
  slot?: true;
}

export interface TaskError {
  name: string;
  message: string;
  stack?: string;
}

/** How far the attempt is; every part is optional and free for the handler to use. */
export interface Progress {
  /** 0 to 100. */
  percent?: number;
  /** What is being done, for a person. */
  step?: string;
  current?: number;
  total?: number;
  message?: string;
}

/** Why a ready fact was written. `restarted`: redriven from the start, without its checkpoint and steps. */
export type ReadyReason =
  | 'submitted'
  | 'branched'
  | 'resumed'
  | 'redriven'
  | 'restarted'
  | 'reordered'
  | 'reprioritised'
  | 'released'
  | 'repaired'
  | 'replaced'
  | 'run_now'
  | 'aged'
  | 'restored';

/** Why a task waits for a time: before its first start, after a failed attempt, asleep by its own wish, or for a signal that may not come. */
export type WaitReason = 'delay' | 'retry' | 'sleep' | 'signal';

/**
 * What a run has done once and for all: a function whose result is kept, a wait for a time (`until`; it is over once that has passed), or
 * a wait for a signal (`signal` names the one it took; without one, the time was over).
 */
export type StepType = 'step' | 'sleep' | 'signal';

/** A step as a run records it. */
export interface StepRecord {
  /** Its path: the names of the steps around it and its own, joined by `/`. */
  name: string;
  type: StepType;
  /** Its number among the steps begun in the same scope since the checkpoint, from 1. */
  order: number;
  result?: Json;
  until?: string;
  signal?: number;
  signal_name?: string;
  duration_ms?: number;
  /** Sequences of the steps before it since the checkpoint, the newest first, at most {@link STEPS_NAMED}: a resume reads them at once. */
  before?: number[];
}

/** Why a task ended without success. */
export type FailureReason = 'retries_spent' | 'not_retryable' | 'worker_lost';

/** Why a task was revoked. */
export type CancelReason = 'cancelled' | 'expired';

/** What the API calls the state of a task that has ended. */
export type EndedStatus = 'SUCCESS' | 'FAILURE' | 'REVOKED';

interface ReadyData extends TaskCard {
  reason: ReadyReason;
  /** It fills a slot of the limits of its queue: an attempt may start, also where limits hold others back. */
  slot?: true;
}

/** What each kind of fact says, next to the envelope that all of them have. */
export type DataOf = Record<Lane, ReadyData> & {
  scheduled: TaskCard & {
    /** Not before this time. */
    until: string;
    /** The lane in which it becomes ready. */
    lane: Lane;
    reason: WaitReason;
    /** What may end the wait before its time: `signal:<name>`. */
    waiting_for?: string;
    /** The attempt that was ended by it: a failed one for a retry. */
    attempt?: number;
    error?: TaskError;
    duration_ms?: number;
    /** Sequence of the fact that this one replaces, written by the janitor. */
    carried?: number;
    /** Of a carried wait: the oldest message that it still needs in the log, and the `started` of its last attempt. */
    needs?: number;
    token?: number;
  };
  held: TaskCard & {
    waiting_for: string;
    /** Of a task that waits for a slot: the lane in which it becomes ready. */
    lane?: Lane;
    /** Its place among those that wait in the same lane for a slot, the least first: by default the sequence of this fact. */
    rank?: number;
    attempt?: number;
    duration_ms?: number;
    carried?: number;
    needs?: number;
    token?: number;
  };
  started: Omit<Run, 'token'>;
  progress: { run: Run; progress: Progress };
  checkpoint: {
    run: Run;
    state: Json;
    /** The steps before it that still count: name → sequence. */
    steps: Record<string, number>;
    /** The last signal of each name that was taken before it: name → sequence. */
    signals?: Record<string, number>;
  };
  step: StepRecord & { run: Run };
  yielded: { run: Run; reason: string };
  paused: TaskCard & {
    reason: string;
    /** Of a task that had not started before its time: a resume waits on. */
    until?: string;
    attempt?: number;
    duration_ms?: number;
    carried?: number;
    needs?: number;
    token?: number;
  };
  succeeded: { attempt: number; worker: string; result: Json; duration_ms: number };
  failed: {
    attempt: number;
    attempts: Attempts;
    error: TaskError;
    reason: FailureReason;
    worker?: string;
    duration_ms?: number;
  };
  cancelled: {
    reason: CancelReason;
    previous: string;
    message?: string;
    /** The operation on many tasks that it was cancelled by, and that may be undone. */
    operation?: string;
    /** The time before which it was not to start: a restored task waits on. */
    until?: string;
  };
  /** What is left of an ended task: enough to know it by, whether or not its other facts are in the log. */
  cleaned: Pick<TaskCard, 'task' | 'attempts'> & {
    /** As it had ended. */
    status: EndedStatus;
    finished_at: string;
    /** Its kind of task is kept for so long after its end. */
    retention_hours?: number;
  };
};

/** A transition as it was decided: what happened, not yet where it stands in the log. */
export type TaskEvent = { [K in Kind]: { kind: K; data: DataOf[K] } }[Kind];

/** A transition as it stands in the log. */
export type Fact = TaskEvent & {
  queue: string;
  task_id: string;
  /** Sequence in the stream. */
  sequence: number;
  /** Id of the event; made by its writer to recognise its own write. */
  id: string;
  /** The sequence this write was conditional on: the task's fact before this one, 0 for the first. */
  prev: number;
  at: string;
  /** Who caused it: `api:<key name>`, `worker:<id>`, `scheduler`. */
  actor: string;
};

/** Parameters whose JSON is longer, in UTF-8, are not copied from ticket to ticket but named. */
export const INLINE_PARAMETERS_BYTES = 8 * 1024;

/** Attempts that may be lost in a row before the task is taken out as poison. */
export const MAX_LOST = 3;

/** A step names so many steps before it. */
export const STEPS_NAMED = 32;
