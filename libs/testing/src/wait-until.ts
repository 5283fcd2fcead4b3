import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Defaults to 10 s. */
  timeoutMs?: number;
  /** Milliseconds between two looks. Defaults to 10. */
  every?: number;
  /** What is waited for, for the message. Defaults to the source of the condition. */
  what?: string;
}

/** Thrown by {@link waitUntil}; says what was waited for and what the condition said last. */
export class WaitedInVainError extends Error {
  override readonly name = 'WaitedInVainError';
}

/**
 * Resolves with the first value of the condition that is neither false nor undefined nor null; an error it throws counts as "not yet".
 *
 * @throws WaitedInVainError after the time limit, with the last error as its cause
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, every = 10, what = condition.toString() }: WaitOptions = {},
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null)
        return value as Exclude<T, false | undefined | null>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw inVain(what, timeoutMs, last);
    await sleep(every);
  }
}

function inVain(what: string, timeoutMs: number, last: unknown): WaitedInVainError {
  const seen = last instanceof Error ? last.message : String(last);
  return new WaitedInVainError(`Waited ${timeoutMs} ms for: ${what}\nLast seen: ${seen}`, { cause: last });
}
