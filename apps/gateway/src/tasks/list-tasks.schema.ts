import { TASK_SORTS } from '@millrace/read-model';
import { STATUSES } from '@millrace/domain';
import { z } from 'zod';
import { Name, TaskStatusName } from './submit-task.schema.js';

const LIMIT_DEFAULT = 50;
const LIMIT_MOST = 500;
const TEXT_CHARACTERS = 256;
const JSON_CHARACTERS = 2048;
const RESULT_TIMEOUT_DEFAULT = 30;
const RESULT_TIMEOUT_MOST = 300;

export const text = z.string().min(1).max(TEXT_CHARACTERS);
export const time = z.iso.datetime({
  offset: true,
  error: 'must be a time with its zone, such as 2026-01-31T12:00:00Z.',
});

const at = time.optional().meta({
  description: 'A moment in the past: the state as it was then, from the archive.',
  example: '2026-01-31T12:00:00Z',
});

/** What every read of tasks takes. */
export const AtQuery = z.strictObject({ at });
export type AtQuery = z.infer<typeof AtQuery>;

/** `status=RETRY,FAILURE`, or the parameter twice. */
const statuses = z
  .preprocess(
    (given) => (typeof given === 'string' ? given.split(',') : given),
    z.array(TaskStatusName).min(1).optional(),
  )
  .meta({
    type: 'array',
    items: { type: 'string', enum: [...STATUSES] },
    description: 'One or several, separated by commas.',
  });

/** What Postgres cannot compare: it has no NUL, and no half of a surrogate pair. */
const UNSEARCHABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

const jsonText = z
  .string()
  .min(1)
  .max(JSON_CHARACTERS)
  .refine(isSearchableJson, 'must be JSON, without \\u0000 and halves of surrogate pairs.');

function isSearchableJson(text: string): boolean {
  try {
    return !UNSEARCHABLE.test(JSON.stringify(JSON.parse(text)));
  } catch {
    return false;
  }
}

export const ListTasks = z.strictObject({
  status: statuses.optional(),
  queue: Name.optional(),
  task_name: Name.optional(),
  tag: text.optional(),
  worker: text.optional().meta({ description: 'Worker of the current or last attempt.' }),
  user_id: text.optional(),
  error: text.optional().meta({
    description: 'Class of the error: `TypeError`. Of failed tasks, and of attempts whose retry is awaited.',
  }),
  reason: text.optional().meta({ description: 'Such as `worker_lost` or `retries_spent` of failed tasks.' }),
  cleaned: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true')
    .meta({
      type: 'boolean',
      default: false,
      description: 'Also tasks that were cleaned up: their names, times and ends.',
    }),
  submitted_after: time.optional().meta({ description: 'From this time on.' }),
  submitted_before: time.optional().meta({ description: 'Up to this time, exclusive.' }),
  q: text.optional().meta({
    description:
      'What parameters, result, error or tags have: all of the words, or their first three letters or more. A text of several words, joined (`in.mp4`) or in double quotes, must be there whole.',
    example: 'customer paris',
  }),
  parameters: jsonText.optional().meta({
    description: 'JSON that the parameters contain.',
    example: '{"customer":42}',
  }),
  result: jsonText.optional().meta({ description: 'JSON that the result contains.' }),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/, 'must be a fingerprint that GET /failures has returned.')
    .optional()
    .meta({ description: 'Tasks an attempt of which has failed with an error of this fingerprint.' }),
  sort: z.enum(TASK_SORTS).default('-submitted_at').meta({ description: 'A minus: the newest first.' }),
  limit: z.coerce.number().int().min(1).max(LIMIT_MOST).default(LIMIT_DEFAULT),
  cursor: z.string().max(1024).optional().meta({ description: 'next_cursor of the page before.' }),
  at,
});
export type ListTasks = z.infer<typeof ListTasks>;

export const ResultQuery = z.strictObject({
  timeout: z.coerce
    .number()
    .min(0)
    .max(RESULT_TIMEOUT_MOST)
    .default(RESULT_TIMEOUT_DEFAULT)
    .meta({ description: 'Seconds to wait.' }),
});
export type ResultQuery = z.infer<typeof ResultQuery>;
