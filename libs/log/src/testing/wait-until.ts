import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves once the condition holds; fails with its source after the time limit. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain for: ${condition.toString()}`);
    await sleep(5);
  }
}
