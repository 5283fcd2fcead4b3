import { ID_PATTERN, NAME_PATTERN, PRIORITY, STATUSES } from '@millrace/domain';
import type { Json } from '@millrace/domain';
import { z } from 'zod';
import { CORRELATION_PATTERN } from '../http/correlation.js';
import { Fault } from '../http/problem.js';

export const BULK_AT_MOST = 1000;
const TAGS_AT_MOST = 32;
const TAG_CHARACTERS = 64;
const KEY_CHARACTERS = 256;
/** Ten years. Longer waits and limits are mistakes, most often milliseconds. */
const LONGEST_SECONDS = 315_360_000;
const RETRIES_AT_MOST = 1_000;
const ERROR_CLASSES_AT_MOST = 32;
const ERROR_NAME_CHARACTERS = 128;

/** Of a task or a queue. */
export const Name = z.string().regex(NAME_PATTERN, {
  error: 'must be 1 to 64 of the characters a-z, 0-9, _ and -.',
});
export const TaskId = z
  .string()
  .regex(ID_PATTERN, { error: 'must be 1 to 128 of the characters A-Z, a-z, 0-9, _ and -.' })
  .meta({ example: '019f3c1e-7a52-7cc3-9d1b-6f2b1f0c8a11' });
export const TaskStatusName = z.enum(STATUSES);

/** Text for people or for look-ups: no control characters, which neither headers nor Postgres would take. */
export const text = (characters: number) =>
  z
    .string()
    .min(1)
    .max(characters)
    .regex(/^[^\p{Cc}]*$/u, { error: 'must have no control characters.' });

export const seconds = z.number().nonnegative().max(LONGEST_SECONDS);
export const limit = z.number().positive().max(LONGEST_SECONDS);
export const time = z.iso.datetime({
  offset: true,
  error: 'must be a time with its zone, such as 2026-01-31T12:00:00Z.',
});
// The handler's schema judges it; here any JSON is right, and walking it would only cost time.
export const Parameters = z.unknown() as unknown as z.ZodType<Json>;

const retryTimes = {
  max_retries: z.int().min(0).max(RETRIES_AT_MOST).optional(),
  delay_seconds: seconds.optional(),
  backoff_factor: z.number().min(1).max(100).optional(),
  max_delay_seconds: seconds.optional(),
  jitter: z.boolean().optional(),
};

export const Retry = z
  .strictObject({
    ...retryTimes,
    by_error: z
      .record(text(ERROR_NAME_CHARACTERS), z.strictObject(retryTimes))
      .refine((classes) => Object.keys(classes).length <= ERROR_CLASSES_AT_MOST, {
        error: `must name at most ${ERROR_CLASSES_AT_MOST} classes.`,
      })
      .optional()
      .meta({
        description:
          'What differs for errors of a class, by the name of the error; max_retries 0 makes it final. Merged with that of the handler.',
      }),
  })
  .meta({
    description:
      'What is left out comes from the handler, else from the queue, else from the defaults (3, 60, 2, 600, true).',
  });

export const UNIQUE_MODES = ['reject', 'replace', 'debounce', 'throttle'] as const;
export const UNIQUE_SCOPES = ['forever', 'until_done', 'window'] as const;

/** What a key means; which fields go together is judged here, whether there is a key is judged later. */
const Unique = z
  .strictObject({
    mode: z.enum(UNIQUE_MODES).optional().meta({
      description:
        'What a second submission comes to: reject (the default) answers with the first task; throttle does so for window_seconds; replace takes the place of a task that has not started; debounce does so, too, and starts after quiet_seconds without another.',
    }),
    scope: z.enum(UNIQUE_SCOPES).optional().meta({
      description:
        'How long the mode reject keeps the key taken: forever (the default) as long as the log or the archive knows the task, until_done until it has ended, window for window_seconds after its submission.',
    }),
    window_seconds: limit.optional(),
    quiet_seconds: limit.optional(),
  })
  .superRefine(({ mode = 'reject', scope, window_seconds, quiet_seconds }, context) => {
    const fault = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const hasWindow = mode === 'throttle' || (mode === 'reject' && scope === 'window');
    if (scope !== undefined && mode !== 'reject')
      fault(
        'scope',
        'belongs to the mode reject: throttle takes a key for its window, replace and debounce until its task starts.',
      );
    if (hasWindow && window_seconds === undefined)
      fault('window_seconds', 'is needed: for so long the key is taken.');
    if (!hasWindow && window_seconds !== undefined)
      fault('window_seconds', 'belongs to the scope window and the mode throttle.');
    if (mode === 'debounce' && quiet_seconds === undefined)
      fault('quiet_seconds', 'is needed: so long after the last submission the task may start.');
    if (mode !== 'debounce' && quiet_seconds !== undefined)
      fault('quiet_seconds', 'belongs to the mode debounce.');
  })
  .meta({ description: 'What unique_key means; left out, it names one task for ever.' });

/** What somebody asks for when they submit a task. */
export const SubmitTask = z
  .strictObject({
    task_name: Name.meta({ description: 'A name that a handler has registered.' }),
    parameters: Parameters.optional().meta({
      description: 'Any JSON that the schema of the handler allows; {} when left out. 512 KiB at most.',
    }),
    queue: Name.optional().meta({
      description: 'Defaults to the queue that routes the name, else to that of the handler.',
    }),
    priority: z.int().min(PRIORITY.min).max(PRIORITY.max).optional().meta({ description: '10 runs first.' }),
    delay_seconds: seconds.optional().meta({ description: 'Not before so many seconds from now.' }),
    eta: time.optional().meta({ description: 'Not before this time; one in the past is now.' }),
    expires_at: time.optional().meta({ description: 'The task does not start after this time.' }),
    task_id: TaskId.optional().meta({ description: 'An id of your own; the same id twice is one task.' }),
    unique_key: text(KEY_CHARACTERS).optional().meta({
      description: 'The same key in the same queue is one task. Same as the header Idempotency-Key.',
    }),
    unique: Unique.optional(),
    concurrency_key: text(KEY_CHARACTERS).optional(),
    retry: Retry.optional(),
    soft_time_limit: limit
      .optional()
      .meta({ description: 'Seconds after which the handler is asked to stop.' }),
    time_limit: limit.optional().meta({ description: 'Seconds after which the attempt is ended.' }),
    tags: z.array(text(TAG_CHARACTERS)).max(TAGS_AT_MOST).optional(),
    user_id: text(KEY_CHARACTERS).optional(),
    correlation_id: z
      .string()
      .regex(CORRELATION_PATTERN, { error: 'must be 1 to 128 visible ASCII characters.' })
      .optional(),
    allow_unknown: z
      .boolean()
      .optional()
      .meta({ description: 'Accept a name that no handler has registered yet.' }),
  })
  .meta({ id: 'SubmitTask' });
export type SubmitTask = z.infer<typeof SubmitTask>;

/** Entries are judged one by one, so that a bad one does not refuse the others: here they are anything. */
export const SubmitTasks = z
  .strictObject({
    tasks: z
      .array(z.unknown().meta({ $ref: '#/components/schemas/SubmitTask' }))
      .min(1)
      .max(BULK_AT_MOST),
  })
  .meta({ id: 'SubmitTasks' });
export type SubmitTasks = z.infer<typeof SubmitTasks>;

export const SubmittedTask = z
  .object({
    task_id: TaskId,
    status: TaskStatusName,
    queue: z.string(),
    priority: z.int(),
    submitted_at: z.string(),
    duplicate: z.boolean().meta({ description: 'The task was submitted before; this is that one.' }),
    replaced: z
      .boolean()
      .meta({ description: 'It had not started, and is from now on what this submission asks for.' }),
    sequence: z.int().meta({ description: 'Where the log has it.' }),
  })
  .meta({ id: 'SubmittedTask' });
export type SubmittedTask = z.infer<typeof SubmittedTask>;

export const EntryError = z
  .object({ code: z.string(), detail: z.string(), errors: z.array(Fault).optional() })
  .meta({ id: 'EntryError' });
export type EntryError = z.infer<typeof EntryError>;

export const BulkEntry = z
  .union([
    z.object({
      task_id: TaskId,
      status: TaskStatusName,
      duplicate: z.boolean(),
      replaced: z.boolean(),
    }),
    z.object({ error: EntryError }),
  ])
  .meta({ id: 'BulkEntry' });
export type BulkEntry = z.infer<typeof BulkEntry>;

export const SubmittedTasks = z
  .object({
    accepted: z.int(),
    rejected: z.int(),
    results: z.array(BulkEntry).meta({ description: 'In the order of the request.' }),
  })
  .meta({ id: 'SubmittedTasks' });
export type SubmittedTasks = z.infer<typeof SubmittedTasks>;
