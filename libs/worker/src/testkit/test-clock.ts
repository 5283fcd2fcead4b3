import { setImmediate } from 'node:timers/promises';
import type { TimeAndChance } from '../execution/time-and-chance.js';

/** A span of time; its parts are added up. */
export interface Duration {
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
}

/** The duration in milliseconds. */
export const millisecondsOf = ({
  days = 0,
  hours = 0,
  minutes = 0,
  seconds = 0,
  milliseconds = 0,
}: Duration): number => (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;

interface Alarm {
  at: number;
  ring: () => void;
}

/** A clock that stands still until it is moved. */
export class TestClock implements TimeAndChance {
  readonly #start = Date.now();
  #now = this.#start;
  #alarms: Alarm[] = [];

  readonly now = (): number => this.#now;

  readonly elapsed = (): number => this.#now - this.#start;

  /** Jitter spreads nothing here: each wait is as long as its policy allows. */
  readonly random = (): number => 1 - Number.EPSILON / 2;

  /** What an attempt sleeps in place for passes by itself. */
  readonly sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    const until = this.#now + ms;
    await setImmediate(undefined, signal && { signal });
    this.moveTo(until);
  };

  moveTo(ms: number): void {
    this.#now = Math.max(this.#now, Math.ceil(ms));
  }

  setAlarm(inMs: number, ring: () => void): void {
    this.#alarms.push({ at: this.#now + inMs, ring });
  }

  /** It is for the caller to ring them in time. */
  get alarms(): readonly Alarm[] {
    return this.#alarms;
  }

  ring(alarm: Alarm): void {
    this.#alarms = this.#alarms.filter((other) => other !== alarm);
    alarm.ring();
  }
}
