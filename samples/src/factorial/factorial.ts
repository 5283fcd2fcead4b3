/** The factorials 1!, 2!, … up to n!, exact. For 0 it yields nothing: 0! is 1 without a step. */
export function* factorials(n: number): Generator<bigint, void, undefined> {
  let product = 1n;
  for (let i = 1n; i <= n; i++) yield (product *= i);
}

/** The whole number as JSON can carry it without loss: a number while it is a safe one, a string of digits past 2^53. */
export const exactJson = (value: bigint): number | string =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
