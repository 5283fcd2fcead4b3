import type { ExistingTask, Fact, Progress } from '@millrace/domain';
import type { QueueRecord, WorkerRecord } from '@millrace/log';

/** The source of a fact did not answer: an explanation then says what is not known. */
export const UNKNOWN = 'unknown';
export type Known<T> = T | typeof UNKNOWN;

/** Tasks that go before one; `many`: more than are counted. */
export type Ahead = Known<number | 'many'>;

/** All that is needed to say why a task is where it is. */
export interface Situation {
  now: number;
  state: ExistingTask;
  history: History;
  /** Null when nobody has defined it. */
  queue: Known<QueueRecord | null>;
  /** Those that have given a sign of life lately. */
  workers: Known<readonly WorkerRecord[]>;
  /** Of a task in a lane, or of one that is held for a slot. */
  ahead: Ahead;
  /** Of a scheduled task. */
  timer: Known<Timer>;
  /** Of a task that is held for a slot. */
  slots: Known<SlotUse>;
  /** Of a running task: whether its worker says that it runs it; null when it gives no answer. */
  isRunByWorker: Known<boolean | null>;
  /** Of a running task. */
  progress: Progress | null;
  /** Of a paused task whose run was asked to end. */
  pauseAsk: { actor: string; at: string } | null;
  /** Whether any scheduler leads anything. */
  hasScheduler: Known<boolean>;
}

/** Transitions of the task, in order, the last ones. */
export interface History {
  facts: readonly Fact[];
  /** Whether what came before could not be read. */
  isCut: boolean;
}

/** `fired`: its ticket waits in a lane. */
export type Timer = 'armed' | 'fired' | 'missing';

export interface SlotUse {
  queue: SlotHolders;
  /** Of tasks with the same key; null for one without. */
  key: SlotHolders | null;
}

export interface SlotHolders {
  /** How many there are; the tasks that fill a slot are as many. */
  used: number;
  /** Ids of the first of them. */
  holders: readonly string[];
  /** When the rate limit lets the next one start: null for now; absent when that is not known. */
  opens_at?: string | null;
}
