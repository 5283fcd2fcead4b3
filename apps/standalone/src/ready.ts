import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const ANSWER_LIMIT_MS = 2_000;

/** Asks until the gateway says it is ready; returns false when given up by the signal. */
export async function untilReady(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isReady(url, signal)) return true;
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

async function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
