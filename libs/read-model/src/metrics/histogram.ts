/**
 * How often durations fell into each bucket: bucket → count. Bounds grow by {@link GROWTH} from bucket to bucket, so that a value read
 * from it is at most 5 % off, however long the duration, and two of them are merged by adding what is in the same bucket.
 */
export type Histogram = Map<number, number>;

/** A histogram as two columns hold it: the buckets in their order, and how many durations are in each. */
export interface HistogramColumns {
  buckets: number[];
  counts: number[];
}

const GROWTH = 1.1;
const LOG_GROWTH = Math.log(GROWTH);
/** Of the bounds, so that both ends of a bucket are off by the same share. */
const MIDDLE = 2 / (GROWTH + 1);

/** The bucket of a duration in whole microseconds: 0 up to one of them, n from 1.1^(n-1) to 1.1^n. */
export const bucketOf = (microseconds: number): number =>
  microseconds <= 1 ? 0 : Math.ceil(Math.log(microseconds) / LOG_GROWTH);

/** The duration that stands for a bucket, in microseconds. */
export const valueOf = (bucket: number): number => (bucket === 0 ? 0 : MIDDLE * GROWTH ** bucket);

/** Adds to what is in a bucket; one that is empty then is left out. */
export function addTo(histogram: Histogram, bucket: number, count: number): void {
  const sum = (histogram.get(bucket) ?? 0) + count;
  if (sum === 0) histogram.delete(bucket);
  else histogram.set(bucket, sum);
}

/** Adds all of the second to the first, or takes it away with -1 as the factor. */
export function merge(into: Histogram, histogram: Histogram, factor = 1): void {
  for (const [bucket, count] of histogram) addTo(into, bucket, factor * count);
}

/** The duration, in microseconds, that the given share (0 to 1) of all is no longer than; null without any. */
export function quantile(histogram: Histogram, share: number): number | null {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total <= 0) return null;
  let left = Math.max(1, Math.ceil(share * total));
  for (const [bucket, count] of buckets) if ((left -= count) <= 0) return valueOf(bucket);
  return valueOf(buckets.at(-1)?.[0] ?? 0);
}

export function columnsOf(histogram: Histogram): HistogramColumns {
  const buckets = [...histogram].sort(([a], [b]) => a - b);
  return { buckets: buckets.map(([bucket]) => bucket), counts: buckets.map(([, count]) => count) };
}

export const histogramOf = ({ buckets, counts }: HistogramColumns): Histogram =>
  new Map(buckets.map((bucket, index) => [bucket, counts[index] ?? 0]));
