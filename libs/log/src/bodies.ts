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
  .object({
    name: z.string().describe('class of the error'),
    message: z.string(),
    stack: z.string().optional(),
  })
  .describe('at most 16 KiB');

const attempts = z.object({
  begun: count.describe('attempts begun so far: the number of the last one'),
  failed: count.describe('failed since the submission or the last redrive'),
  lost: count.describe('lost with their worker, in a row'),
});

const retryTimes = {
  max_retries: count.describe('failed attempts that are tried again'),
  delay_seconds: z.number().nonnegative().describe('wait before the first retry'),
  backoff_factor: z.number().min(1).describe('each further wait is so many times longer'),
  max_delay_seconds: z.number().nonnegative().describe('no wait is longer'),
  jitter: z.boolean().describe('spreads each wait over its upper half'),
};

const retry = z.object({
  ...retryTimes,
  by_error: z
    .record(z.string(), z.object(retryTimes).partial())
    .optional()
    .describe('what differs for errors of a class, by its name'),
});

const task = z.object({
  name: z.string().regex(NAME_PATTERN).describe('name of its handler'),
  priority: z.int().min(PRIORITY.min).max(PRIORITY.max).describe('10 is served first'),
  retry,
  soft_time_limit: z.number().positive().describe('seconds after which the attempt is asked to stop'),
  time_limit: z.number().positive().describe('seconds after which the attempt is ended'),
  submitted_at: time,
  expires_at: time.optional().describe('it never starts for the first time after this'),
  tags: z.array(z.string()).optional().describe('to find it by'),
  user_id: z.string().optional().describe('for whom it is'),
  correlation_id: z.string().optional().describe('of the request that led to it'),
  unique_key: z
    .string()
    .optional()
    .describe('what the id is made of, with the queue: which submissions are the same task'),
  concurrency_key: z.string().optional().describe('tasks with the same share a limit'),
  branched_from: z
    .object({ task_id: z.string(), sequence, oldest: sequence })
    .optional()
    .describe('the run it branched from, and the checkpoint or step there'),
});

/** The whole task, in every body from which an attempt may start. */
const card = {
  task,
  attempts,
  parameters: json.optional().describe('the parameters; absent where `input` is there'),
  input: sequence.optional().describe('sequence of the fact that holds parameters of more than 8 KiB'),
  checkpoint: sequence.optional().describe('sequence of the last checkpoint'),
  step: sequence.optional().describe('sequence of the last step since that checkpoint'),
};

const carrying = {
  carried: sequence.optional().describe('sequence of the wait that this one carries on'),
  needs: sequence
    .optional()
    .describe('of a carried wait: the oldest message that it still needs in the log, such as a signal'),
  token: sequence.optional().describe('of a carried wait: sequence of the `started` of its last attempt'),
};

const worker = z.string().regex(ID_PATTERN).describe('id of the worker process, new at each start');

const attempt = {
  attempt: count.describe('number of the attempt, from 1'),
  worker,
  ticket: sequence.describe('sequence of the ticket that was claimed'),
  failed: count.describe('attempts failed so far'),
  lost: count.describe('attempts lost in a row'),
  checkpoint: sequence.optional().describe('sequence of the last checkpoint'),
  step: sequence.optional().describe('sequence of the last step since that checkpoint'),
  slot: z.literal(true).optional().describe('it fills a slot of the limits of its queue'),
};

const run = z.object({ ...attempt, token: sequence.describe('sequence of `started`: the fencing token') });

const percent = z.number().min(0).max(100);

/** How far an attempt is, as handlers report it. */
export const progressSchema = z.object({
  percent: percent.optional(),
  step: z.string().optional().describe('what is being done, for a person'),
  current: z.number().optional().describe('units that are done'),
  total: z.number().optional().describe('units in all'),
  message: z.string().optional(),
});

const duration = z.number().nonnegative().describe('how long the attempt took');
const lane = z.enum(LANES);

const ready = z.object({
  ...card,
  reason: z
    .enum([
      'submitted',
      'branched',
      'resumed',
      'redriven',
      'restarted',
      'reordered',
      'reprioritised',
      'released',
      'repaired',
      'replaced',
      'run_now',
      'aged',
      'restored',
    ])
    .describe('why it is ready'),
  slot: z.literal(true).optional().describe('it fills a slot of the limits of its queue'),
});

/** What bodies of several kinds are made of, by the name of its part in the reference. */
export const parts = { card: z.object(card), task, retry, attempts, run, error, progress: progressSchema };

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
    reason: z.enum(['delay', 'retry', 'sleep', 'signal']).describe('why it waits'),
    waiting_for: z.string().optional().describe('what may end the wait before: `signal:<name>`'),
    attempt: count.optional().describe('the attempt that was ended by it'),
    error: error.optional().describe('of that attempt, if it failed'),
    duration_ms: duration.optional(),
    ...carrying,
  }),
  held: z.object({
    ...card,
    waiting_for: z.string().describe('`slot`, or `signal:<name>`'),
    lane: lane.optional().describe('the lane in which it becomes ready'),
    rank: z
      .number()
      .optional()
      .describe(
        'its place in that lane among those that wait for a slot; the sequence of this fact if absent',
      ),
    attempt: count.optional().describe('the attempt that was ended by it'),
    duration_ms: duration.optional(),
    ...carrying,
  }),
  started: z.object(attempt),
  progress: z.object({ run: run.describe('the attempt'), progress: progressSchema.describe('its report') }),
  checkpoint: z.object({
    run: run.describe('the attempt'),
    state: json.describe('what the handler saved'),
    steps: z.record(z.string(), sequence).describe('the steps before it that still count: name → sequence'),
    signals: z
      .record(z.string(), sequence)
      .optional()
      .describe('the last signal of each name taken before it: name → sequence'),
  }),
  step: z.object({
    run: run.describe('the attempt'),
    name: z.string().describe('its path: names of the steps around it and its own'),
    type: z.enum(['step', 'sleep', 'signal']).describe('a function, or what the run waited for'),
    order: count.describe('its number in its scope since the checkpoint, from 1'),
    result: json.optional().describe('what it returned, or the payload of the signal'),
    until: time.optional().describe('how long it sleeps, or waits at most'),
    signal: sequence.optional().describe('sequence of the signal it took'),
    signal_name: z.string().optional().describe('of the signal it waits for'),
    duration_ms: duration.optional(),
    before: z
      .array(sequence)
      .optional()
      .describe('the steps before it since the checkpoint, newest first, at most 32'),
  }),
  yielded: z.object({ run: run.describe('the attempt'), reason: z.string().describe('such as `drain`') }),
  paused: z.object({
    ...card,
    reason: z.string().describe('why it was put aside'),
    until: time.optional().describe('of a task paused before its first start: a resume waits on'),
    attempt: count.optional().describe('the attempt that was ended by it'),
    duration_ms: duration.optional(),
    ...carrying,
  }),
  succeeded: z.object({
    attempt: count.describe('number of the attempt'),
    worker,
    result: json.describe('what the handler returned'),
    duration_ms: duration,
  }),
  failed: z.object({
    attempt: count.describe('number of the last attempt'),
    attempts,
    error: error.describe('of the last attempt'),
    reason: z.enum(['retries_spent', 'not_retryable', 'worker_lost']).describe('why it is not tried again'),
    worker: worker.optional(),
    duration_ms: duration.optional(),
  }),
  cancelled: z.object({
    reason: z.enum(['cancelled', 'expired']).describe('whether somebody asked, or `expires_at` passed'),
    previous: z.string().describe('the status it had'),
    message: z.string().optional().describe('what the caller said'),
    operation: z.string().optional().describe('the operation on many tasks, which may be undone'),
    until: time.optional().describe('of a delayed task: a restored one waits on'),
  }),
  cleaned: z.object({
    task,
    attempts,
    status: z.enum(['SUCCESS', 'FAILURE', 'REVOKED']).describe('as it had ended'),
    finished_at: time.describe('when it had ended'),
    retention_hours: z.number().nonnegative().optional().describe('how long its kind of task is kept'),
  }),
} satisfies Record<Kind, z.ZodType>;

/** The kinds in the order of the reference table, each with what it means. */
export const KIND_MEANINGS: Record<Kind, string> = {
  ...(Object.fromEntries(LANES.map((name) => [name, 'ready in this lane'])) as Record<Lane, string>),
  front: 'ready ahead of all lanes, placed there by a reorder',
  scheduled:
    'waits for a time: a delay, a retry after a failed attempt, a sleep, or a signal with a time limit',
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
  cleaned: 'let go of a while after its end: parameters, result and error are in its older facts only',
};

/** zod yields `undefined` for an absent optional property, the domain leaves it out: after parsing JSON they are the same. */
type Loose<T> = Json extends T ? T : T extends object ? { [P in keyof T]: Loose<T[P]> | undefined } : T;
type Reads<K extends Kind> = z.output<(typeof dataSchemas)[K]> extends Loose<DataOf[K]> ? true : false;
type AllTrue<T extends Record<Kind, true>> = T;

/** Does not compile when a schema reads anything else than what the domain means by the kind. */
export type SchemasReadTheDomain = AllTrue<{ [K in Kind]: Reads<K> }>;
