import type { AppendLine } from '../system/chaos-handlers.js';

/**
 * What became of a request whose effect is audited: `yes` was answered, `no` was refused and must have no effect; of an answer that never
 * came nobody knows.
 */
export type Told = 'yes' | 'no' | 'unknown';

/** A task that a test has asked for, and what it was told. */
export interface Order {
  taskId: string;
  params: AppendLine;
  maxRetries: number;
  /** Not before this time, in milliseconds since the epoch. */
  notBefore?: number;
  /** Not started after this time. */
  notAfter?: number;
  submitted: Told;
  /** Undefined while nobody has asked. */
  cancelled?: Told;
}
