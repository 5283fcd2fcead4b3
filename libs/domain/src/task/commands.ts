import type { Json } from '../json.js';
import type { Progress, TaskError, TaskSpec } from './facts.js';

/** What somebody wants to happen to a task. */
export type Command =
  | { type: 'submit'; spec: TaskSpec; parameters: Json; not_before?: string }
  | { type: 'claim'; worker: string; ticket: number; after?: number }
  /** `seen`: the fact whose worker was asked and gave no answer. Whatever was written since is a sign of life. */
  | { type: 'take-over'; worker: string; ticket: number; seen: number }
  | { type: 'report-progress'; token: number; progress: Progress }
  | { type: 'save-checkpoint'; token: number; state: Json; steps?: number[] }
  | { type: 'record-step'; token: number; name: string; result?: Json; signal?: number }
  | { type: 'yield'; token: number; reason: string }
  | { type: 'succeed'; token: number; result: Json; duration_ms: number }
  | {
      type: 'fail';
      token: number;
      error: TaskError;
      retryable: boolean;
      duration_ms: number;
      delay_ms?: number;
    }
  /** `token`: of the attempt that answers a request to stop; without it, the cancel is anybody's. */
  | { type: 'cancel'; message?: string; token?: number }
  | { type: 'expire' }
  /** `token`: of the attempt that answers a request to pause; without it, the pause is taken by force. */
  | { type: 'pause'; reason: string; duration_ms?: number; token?: number }
  | { type: 'resume' }
  | { type: 'retry'; from_start?: boolean }
  | { type: 'change-priority'; priority: number }
  | { type: 'move-to-front' }
  /** `seen`: the fact whose ticket was found missing (and whose worker dead, if it ran). */
  | { type: 'repair-ticket'; seen: number }
  | { type: 'carry' };

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
