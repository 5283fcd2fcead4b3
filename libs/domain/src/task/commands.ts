import type { Json } from '../json.js';
import type { Lane } from './kinds.js';
import type { Progress, StepRecord, TaskError, TaskSpec } from './facts.js';

/** What somebody wants to happen to a task. */
export type Command =
  /** `from`: what a branch takes over of another run. `limited`: the limits of its queue apply to it. */
  | {
      type: 'submit';
      spec: TaskSpec;
      parameters: Json;
      not_before?: string;
      from?: { checkpoint?: number; step?: number };
      limited?: boolean;
    }
  /** `limited`: the limits of its queue apply to it, so that it needs a slot. */
  | { type: 'claim'; worker: string; ticket: number; after?: number; limited?: boolean }
  /** `seen`: the fact whose worker was asked and gave no answer. Whatever was written since is a sign of life. */
  | { type: 'take-over'; worker: string; ticket: number; seen: number }
  | { type: 'report-progress'; token: number; progress: Progress }
  | {
      type: 'save-checkpoint';
      token: number;
      state: Json;
      steps?: Record<string, number>;
      signals?: Record<string, number>;
    }
  | { type: 'record-step'; token: number; step: StepRecord }
  /** The attempt waits for a time, for something else, or for whichever comes first; it ends, and the next one goes on behind the wait. */
  | { type: 'suspend'; token: number; until?: string; waiting_for?: string; duration_ms: number }
  /** What the task may wait for is there. */
  | { type: 'release'; waiting_for: string }
  /** The limits of the queue let it start. `slot`: it fills one of their slots; without, there are no limits any more. */
  | { type: 'grant'; slot: boolean }
  | { type: 'yield'; token: number; reason: string }
  | { type: 'succeed'; token: number; result: Json; duration_ms: number }
  | {
      type: 'fail';
      token: number;
      error: TaskError;
      retryable: boolean;
      duration_ms: number;
      /** The handler said itself when to try again: nobody's fault, it does not count against the retries. */
      delay_ms?: number;
      /** The attempt took its process with it: it counts as lost, and as the last one if too many were lost in a row. */
      lost?: boolean;
    }
  /** `token`: of the attempt that answers a request to stop; without it, the cancel is anybody's. `operation`: it can be undone by that. */
  | { type: 'cancel'; message?: string; token?: number; operation?: string }
  /** Undoes the cancel by an operation; the task waits as if it had just been submitted, and goes on from its checkpoint. */
  | { type: 'restore'; operation: string }
  | { type: 'expire' }
  /** `token`: of the attempt that answers a request to pause; without it, the pause is taken by force. */
  | { type: 'pause'; reason: string; duration_ms?: number; token?: number }
  | { type: 'resume' }
  | { type: 'retry'; from_start?: boolean }
  | { type: 'change-priority'; priority: number }
  | { type: 'move-to-front' }
  /** Behind all others of its priority. */
  | { type: 'move-to-back' }
  /** Of a task that waits for a slot: see `held`. Without a rank it becomes the last of the lane. */
  | { type: 'place'; lane: Lane; rank?: number }
  /** It has waited for long: one lane up. */
  | { type: 'age' }
  /** Not before this time. */
  | { type: 'reschedule'; until: string }
  | { type: 'run-now' }
  /** What waits and never started becomes another task of the same id; one that is paused stays so. */
  | { type: 'replace'; spec: TaskSpec; parameters: Json; not_before?: string; limited?: boolean }
  /** `seen`: the fact whose ticket was found missing (and whose worker dead, if it ran). */
  | { type: 'repair-ticket'; seen: number }
  /** `needs`: the oldest message that the wait still needs in the log, such as a signal that was not taken. `token`: of its last attempt. */
  | { type: 'carry'; needs?: number; token?: number }
  /**
   * Lets go of what an ended task holds. `seen`: the fact whose age was looked at; what was written since has an age of its own.
   * `retention_hours`: for how long its kind of task is kept.
   */
  | { type: 'clean'; seen: number; retention_hours?: number };

export type CommandType = Command['type'];

/** The command of one type. */
export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;

/** What a decision needs from outside: time and chance come as data, so that it can be tested and repeated. */
export interface Context {
  /** Time of the decision in milliseconds since the epoch. */
  now: number;
  /** A number in [0, 1), for jitter. */
  random: number;
}
