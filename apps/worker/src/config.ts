import { z } from 'zod';
import { commonSettings, readConfig } from '@millrace/runtime';

const list = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim()))
  .pipe(z.array(z.string().min(1)));

const schema = z.object({
  ...commonSettings,
  MILLRACE_HANDLERS: list
    .default(['@millrace/samples'])
    .describe(
      'Modules with handlers, comma-separated: packages or paths whose default export is a Nest module',
    ),
  MILLRACE_CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Handlers that run at once; the number of cores by default'),
  MILLRACE_PREFETCH: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('Tickets held beyond the running ones; with 0 urgent work never waits in a busy worker'),
  MILLRACE_QUEUES: list
    .optional()
    .describe('Queues to serve, comma-separated; those of the handlers by default'),
  MILLRACE_LEASE_SECONDS: z.coerce
    .number()
    .min(1)
    .default(30)
    .describe('Without a sign of life for so long the ticket of a worker goes to another one'),
  MILLRACE_DRAIN_SECONDS: z.coerce
    .number()
    .min(0)
    .default(10)
    .describe('Time that running handlers are given when the worker stops'),
  MILLRACE_QUIET_SECONDS: z.coerce
    .number()
    .min(0)
    .default(10)
    .describe('Time after a (re)connect in which nothing is taken over from other workers'),
});

export type WorkerConfig = z.output<typeof schema>;

/** @throws ConfigError with all faults of the environment */
export const workerConfig = (): Readonly<WorkerConfig> => readConfig(schema, process.env);
