import { z } from 'zod';

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LEAST_SECONDS = 60;
const MOST_SECONDS = 3_650 * SECONDS.d;

/** A length of time such as `90s`, `15m`, `1h` or `30d`. */
export const duration = z
  .string()
  .regex(/^\d{1,9}[smhd]$/, { error: 'must be a length of time such as 15m, 1h or 30d.', abort: true })
  .refine((text) => secondsOf(text) >= LEAST_SECONDS && secondsOf(text) <= MOST_SECONDS, {
    error: 'must be a minute at least, and ten years at most.',
  });

export const secondsOf = (text: string): number =>
  Number(text.slice(0, -1)) * SECONDS[text.slice(-1) as keyof typeof SECONDS];
