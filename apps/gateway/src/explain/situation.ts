import type { ExistingTask, Fact, Progress } from '@millrace/domain';
import type { QueueRecord, WorkerRecord } from '@millrace/log';

/** The source of a fact did not answer: an explanation then says what is not known. */
export const UNKNOWN = 'unknown';
export type Known<T> = T | typeof UNKNOWN;

/** Tasks that go before one; `many`: more than are counted. */
export type Ahead = Known<number | 'many'>;

/** Tasks that were let go count in a rate from when they start. */
export const UNSTARTED = Symbol('unstarted');

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
  /** What schedulers lead, and since when. */
  leaders: Known<ReadonlyMap<string, string>>;
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
  /** How many there are. */
  used: number;
  /** Whether some of them were not looked at, and may have ended since their record was written. */
  isAtMost: boolean;
  /** Ids of the first of them, who have their slot for sure. */
  holders: readonly string[];
  /** When the rate limit lets the next one start: null for now; UNSTARTED: so long after some that have a slot have started. */
  opens_at?: string | typeof UNSTARTED | null;
}
