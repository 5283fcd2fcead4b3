import type { Json } from '../json.js';
import type { Progress, TaskError, TaskSpec } from './facts.js';

/** What somebody wants to happen to a task. */
export type Command =
  | { type: 'submit'; spec: TaskSpec; parameters: Json; not_before?: string }
  | { type: 'claim'; worker: string; ticket: number; after?: number }
  | { type: 'take-over'; worker: string; ticket: number }
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
  | { type: 'cancel'; message?: string }
  | { type: 'expire' }
  | { type: 'pause'; reason: string; duration_ms?: number }
  | { type: 'resume' }
  | { type: 'retry'; from_start?: boolean }
  | { type: 'change-priority'; priority: number }
  | { type: 'move-to-front' }
  | { type: 'repair-ticket' }
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
