import { DEFAULT_TIME_LIMITS, PRIORITY } from '@millrace/domain';
import { z } from 'zod';
import { Name, Retry, limit, text } from '../tasks/submit-task.schema.js';

const TASKS_AT_ONCE_MOST = 10_000;
const STARTS_MOST = 1_000_000;
const PERIOD_SECONDS_MOST = 86_400;
const DEPTH_MOST = 1_000_000;
const WEIGHT_MOST = 1_000;
const WEIGHTS_MOST = 1_000;
const KEY_CHARACTERS = 256;
const ROUTES_MOST = 1_000;
/** Ten years. */
const RETENTION_HOURS_MOST = 87_600;

const rateLimit = z.strictObject({
  limit: z.int().min(1).max(STARTS_MOST).meta({ description: 'Starts' }),
  period_seconds: z
    .number()
    .positive()
    .max(PERIOD_SECONDS_MOST)
    .meta({ description: 'in any span of so many seconds.' }),
});
const atOnce = z.int().min(1).max(TASKS_AT_ONCE_MOST);

const settings = {
  concurrency: atOnce
    .optional()
    .meta({ description: 'Tasks of the queue that run at once, over all workers.' }),
  rate_limit: rateLimit.optional().meta({ description: 'Starts of tasks of the queue, over all workers.' }),
  key_concurrency: atOnce
    .optional()
    .meta({ description: 'Tasks with the same concurrency_key that run at once.' }),
  key_rate_limit: rateLimit
    .optional()
    .meta({ description: 'Starts of tasks with the same concurrency_key.' }),
  fair: z.boolean().optional().meta({
    description:
      'Tasks of the same priority start key by key in turn: no key waits behind the backlog of another.',
  }),
  weights: z
    .record(text(KEY_CHARACTERS), z.number().positive().max(WEIGHT_MOST))
    .refine((weights) => Object.keys(weights).length <= WEIGHTS_MOST, {
      error: `must name at most ${WEIGHTS_MOST} keys.`,
    })
    .optional()
    .meta({ description: 'With fair: turns of a key while each of the others has one.' }),
  default_priority: z
    .int()
    .min(PRIORITY.min)
    .max(PRIORITY.max)
    .optional()
    .meta({ description: 'Of tasks for which neither submitter nor handler say one.' }),
  max_depth: z
    .int()
    .min(1)
    .max(DEPTH_MOST)
    .optional()
    .meta({ description: 'So many tasks may wait; then submissions are refused with 429.' }),
  retry: Retry.optional().meta({ description: 'What neither submitter nor handler say of retries.' }),
  soft_time_limit: limit.optional().meta({
    description: 'Seconds; of tasks for which neither submitter nor handler say one.',
  }),
  time_limit: limit.optional().meta({
    description: 'Seconds; of tasks for which neither submitter nor handler say one.',
  }),
  retention_hours: z
    .number()
    .positive()
    .max(RETENTION_HOURS_MOST)
    .optional()
    .meta({ description: 'How long ended tasks are kept.' }),
  age_after_seconds: limit.optional().meta({
    description: 'A task that has waited so long in its lane rises by one lane; absent: never.',
  }),
  routes: z
    .array(Name)
    .max(ROUTES_MOST)
    .optional()
    .meta({ description: 'Names of tasks that come to this queue when their submitter names none.' }),
};

/** All settings of a queue: what is left out has its default, whatever it was before. */
export const DefineQueue = z
  .strictObject(settings)
  .superRefine(
    ({ soft_time_limit, time_limit = DEFAULT_TIME_LIMITS.hard, weights, fair, routes = [] }, context) => {
      const refuse = (path: string, message: string): void => {
        context.addIssue({ code: 'custom', path: [path], message });
      };
      if (soft_time_limit !== undefined && soft_time_limit > time_limit)
        refuse('soft_time_limit', `lies above the time limit of ${time_limit} s: raise time_limit too.`);
      if (weights && !fair) refuse('weights', 'need fair: true, they say how many turns a key has.');
      const twice = routes.find((name, i) => routes.indexOf(name) !== i);
      if (twice !== undefined) refuse('routes', `name "${twice}" twice.`);
    },
  )
  .meta({ id: 'DefineQueue' });
export type DefineQueue = z.infer<typeof DefineQueue>;

/** The settings as they stand. */
export const QueueSettingsView = z
  .object({ ...settings, retry: z.record(z.string(), z.unknown()).optional() })
  .meta({ id: 'QueueSettings' });
