import { z } from 'zod';
import { ID_PATTERN, LANES, NAME_PATTERN, PRIORITY } from '@millrace/domain';
import type { DataOf, Json, Kind, Lane } from '@millrace/domain';

/** The version that every body is written with; older ones are lifted by the upcasters of the codec. */
export const BODY_VERSION = 1;

const sequence = z.int().nonnegative();
const count = z.int().nonnegative();
const time = z.string().describe('UTC, ISO-8601');
// JSON.parse has already made sure that it is JSON: walking it again would cost more than the rest of the body.
const json = z.unknown().describe('any JSON value') as unknown as z.ZodType<Json>;

const error = z
  .object({ name: z.string(), message: z.string(), stack: z.string().optional() })
  .describe('cut to 16 KiB');

const attempts = z.object({ begun: count, failed: count, lost: count });

const retry = z.object({
  max_retries: count,
  delay_seconds: z.number().nonnegative(),
  backoff_factor: z.number().min(1),
  max_delay_seconds: z.number().nonnegative(),
  jitter: z.boolean(),
});

const task = z.object({
  name: z.string().regex(NAME_PATTERN),
  priority: z.int().min(PRIORITY.min).max(PRIORITY.max),
  retry,
  soft_time_limit: z.number().positive().describe('seconds'),
  time_limit: z.number().positive().describe('seconds'),
  submitted_at: time,
  expires_at: time.optional(),
  tags: z.array(z.string()).optional(),
  user_id: z.string().optional(),
  correlation_id: z.string().optional(),
  unique_key: z.string().optional(),
  concurrency_key: z.string().optional(),
});

/** The whole task, in every body from which an attempt may start. */
const card = {
  task,
  attempts,
  parameters: json.optional().describe('the parameters; absent where `input` is there'),
  input: sequence.optional().describe('sequence of the fact that holds parameters of more than 8 KiB'),
  checkpoint: sequence.optional().describe('sequence of the last checkpoint'),
};

const carried = sequence.optional().describe('sequence of the wait that this one carries on');

const worker = z.string().regex(ID_PATTERN).describe('id of the worker process, new at each start');

const attempt = {
  attempt: count.describe('number of the attempt, from 1'),
  worker,
  ticket: sequence.describe('sequence of the ticket that was claimed'),
  failed: count.describe('attempts failed so far'),
  lost: count.describe('attempts lost in a row'),
  checkpoint: sequence.optional(),
};

const run = z.object({ ...attempt, token: sequence.describe('sequence of `started`: the fencing token') });

const percent = z.number().min(0).max(100);

/** How far an attempt is, as handlers report it. */
export const progressSchema = z.object({
  percent: percent.optional(),
  step: z.string().optional(),
  current: z.number().optional(),
  total: z.number().optional(),
  message: z.string().optional(),
});

const duration = z.number().nonnegative().describe('milliseconds');
const lane = z.enum(LANES);

const ready = z.object({
  ...card,
  reason: z.enum(['submitted', 'resumed', 'redriven', 'reordered', 'reprioritised', 'released', 'repaired']),
});

/** What every body carries, whatever its kind. */
export const envelopeSchema = z.object({
  v: z.literal(BODY_VERSION).describe('version of the body'),
  id: z.string().describe('id of the event, made by its writer'),
  prev: sequence.describe('sequence of the fact this write was conditional on; 0 for the first'),
  at: time.describe('when it was decided'),
  actor: z.string().describe('`api:<key>`, `worker:<id>` or `scheduler`'),
});

/** The schema of what each kind adds to the envelope. */
export const dataSchemas = {
  ...(Object.fromEntries(LANES.map((name) => [name, ready])) as Record<Lane, typeof ready>),
  scheduled: z.object({
    ...card,
    until: time.describe('not before this time'),
    lane: lane.describe('the lane in which it becomes ready'),
    reason: z.enum(['delay', 'retry']),
    attempt: count.optional().describe('the failed attempt'),
    error: error.optional(),
    duration_ms: duration.optional(),
    carried,
  }),
  held: z.object({ ...card, waiting_for: z.string(), carried }),
  started: z.object(attempt),
  progress: z.object({ run, progress: progressSchema }),
  checkpoint: z.object({
    run,
    state: json,
    steps: z.array(sequence).describe('sequences of the steps it builds on'),
  }),
  step: z.object({
    run,
    name: z.string(),
    result: json.optional(),
    signal: sequence.optional().describe('sequence of the signal it consumed'),
  }),
  yielded: z.object({ run, reason: z.string() }),
  paused: z.object({
    ...card,
    reason: z.string(),
    attempt: count.optional(),
    duration_ms: duration.optional(),
    carried,
  }),
  succeeded: z.object({ attempt: count, worker, result: json, duration_ms: duration }),
  failed: z.object({
    attempt: count,
    attempts,
    error,
    reason: z.enum(['retries_spent', 'not_retryable', 'worker_lost']),
    worker: worker.optional(),
    duration_ms: duration.optional(),
  }),
  cancelled: z.object({
    reason: z.enum(['cancelled', 'expired']),
    previous: z.string().describe('the status it had'),
    message: z.string().optional(),
  }),
} satisfies Record<Kind, z.ZodType>;

/** The kinds in the order of the reference table, each with what it means. */
export const KIND_MEANINGS: Record<Kind, string> = {
  ...(Object.fromEntries(LANES.map((name) => [name, 'ready in this lane'])) as Record<Lane, string>),
  front: 'ready ahead of all lanes, placed there by a reorder',
  scheduled: 'waits for a time: a delay, or a retry after a failed attempt',
  held: 'waits for something else than a time',
  started: 'an attempt began; its sequence is the fencing token',
  progress: 'the running attempt says how far it is',
  checkpoint: 'the running attempt saved a state to resume from',
  step: 'the running attempt finished a step',
  yielded: 'the attempt gave the task back unharmed',
  paused: 'put aside, resumable',
  succeeded: 'ended with its result',
  failed: 'ended: retries spent or not retryable (the dead letter)',
  cancelled: 'revoked',
};

/** zod yields `undefined` for an absent optional property, the domain leaves it out: after parsing JSON they are the same. */
type Loose<T> = Json extends T ? T : T extends object ? { [P in keyof T]: Loose<T[P]> | undefined } : T;
type Reads<K extends Kind> = z.output<(typeof dataSchemas)[K]> extends Loose<DataOf[K]> ? true : false;
type AllTrue<T extends Record<Kind, true>> = T;

/** Does not compile when a schema reads anything else than what the domain means by the kind. */
export type SchemasReadTheDomain = AllTrue<{ [K in Kind]: Reads<K> }>;
