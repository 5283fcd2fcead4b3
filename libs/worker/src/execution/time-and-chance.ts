import { setTimeout as sleep } from 'node:timers/promises';

/** What an attempt takes from outside beside the log, so that tests can have it their way. */
export interface TimeAndChance {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds since some moment, for durations: never goes back. */
  elapsed: () => number;
  /** A number in [0, 1), for jitter. */
  random: () => number;
  /** Rejects when the signal aborts. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Those of this machine. */
export const machineTime: TimeAndChance = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => Math.random(),
  sleep: (ms, signal) => sleep(ms, undefined, signal && { signal }),
};
