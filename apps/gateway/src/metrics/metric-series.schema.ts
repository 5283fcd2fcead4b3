import { z } from 'zod';
import { time } from '../tasks/list-tasks.schema.js';
import { Name } from '../tasks/submit-task.schema.js';
import { duration, secondsOf } from './window.schema.js';

const MOST_POINTS = 1_500;
const DEFAULT_INTERVAL = '1m';

export const SeriesQuery = z
  .strictObject({
    from: time,
    to: time,
    interval: duration.default(DEFAULT_INTERVAL).meta({ description: 'Such as 1m, 15m, 1h or 1d.' }),
    percentiles: z.stringbool().default(false).meta({
      type: 'boolean',
      description: 'Whether wait and duration are wanted: they are most of the work.',
    }),
    queue: Name.optional(),
    task_name: Name.optional(),
  })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), {
    path: ['to'],
    error: 'must be after from.',
  })
  .refine(
    ({ from, to, interval }) => Date.parse(to) - Date.parse(from) <= MOST_POINTS * 1000 * secondsOf(interval),
    { path: ['interval'], error: `must be so long that there are no more than ${MOST_POINTS} points.` },
  );
export type SeriesQuery = z.infer<typeof SeriesQuery>;

const percentiles = z
  .object({ p50: z.number(), p95: z.number(), p99: z.number() })
  .nullable()
  .meta({ description: 'Seconds; null where nothing was measured, or they were not asked for.' });

const MetricPointView = z
  .object({
    at: z.string().meta({ format: 'date-time', description: 'Beginning of the interval.' }),
    submitted: z.int(),
    started: z.int(),
    completed: z.int(),
    failed: z.int(),
    retried: z.int(),
    cancelled: z.int(),
    lost: z.int(),
    waiting: z.int().meta({ description: 'Tasks that waited at its end: PENDING and RETRY.' }),
    running: z.int().meta({ description: 'Tasks that ran at its end: STARTED and PROCESSING.' }),
    wait: percentiles,
    duration: percentiles,
  })
  .meta({ id: 'MetricPoint' });
export type MetricPointView = z.infer<typeof MetricPointView>;

export const MetricSeriesView = z
  .object({ interval_seconds: z.number(), points: z.array(MetricPointView) })
  .meta({ id: 'MetricSeries' });
export type MetricSeriesView = z.infer<typeof MetricSeriesView>;
