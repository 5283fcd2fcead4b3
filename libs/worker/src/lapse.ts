import { setTimeout as sleep } from 'node:timers/promises';

/** A limit to something awaited; keeps no process alive once that has come. */
export const lapse = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });
