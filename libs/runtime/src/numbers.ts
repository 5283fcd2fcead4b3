import { z } from 'zod';

/** A setting that is a whole number between two bounds, both allowed. */
export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}.`;
  return z
    .string()
    .regex(/^\d{1,16}$/, { error, abort: true })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error });
}

/** A setting that is a number above 0, such as a duration. */
export function positive() {
  return z.coerce.number({ error: 'must be a number.' }).positive({ error: 'must be more than 0.' });
}
