const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** What has lived this long was healthy: its next death is a new story. */
const HEALTHY_AFTER_MS = 30_000;

/** How long to wait before a restart, given the wait before the last one and how long it then lived. */
export function nextDelay(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= HEALTHY_AFTER_MS) return FIRST_DELAY_MS;
  return Math.min(previousMs * 2, LONGEST_DELAY_MS);
}
