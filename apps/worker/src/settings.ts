import { z } from 'zod';

/** One setting of a worker: an option, and beneath it a variable of the environment. */
export interface Setting {
  /** Without the dashes; what has none is only a variable. */
  option?: string;
  variable: string;
  /** What stands behind the option in the help; a switch has none. */
  value?: string;
  help: string;
}

/** In the order of the help. What a setting may be says {@link schema}. */
export const settings = {
  handlers: {
    option: 'handlers',
    variable: 'MILLRACE_HANDLERS',
    value: 'FILE[,FILE]',
    help: 'modules with handlers: packages, or paths whose default export is a Nest module (default @millrace/samples)',
  },
  queues: {
    option: 'queues',
    variable: 'MILLRACE_QUEUES',
    value: 'a,b',
    help: 'queues to serve (default those of the handlers)',
  },
  concurrency: {
    option: 'concurrency',
    variable: 'MILLRACE_CONCURRENCY',
    value: 'N',
    help: 'handlers that run at once (default the number of cores)',
  },
  prefetch: {
    option: 'prefetch',
    variable: 'MILLRACE_PREFETCH',
    value: 'N',
    help: 'tickets held beyond the running ones; with 0 urgent work never waits in a busy worker (default 0)',
  },
  labels: {
    option: 'labels',
    variable: 'MILLRACE_LABELS',
    value: 'gpu=true,zone=eu',
    help: 'what this worker is; handlers may require it (default none)',
  },
  name: {
    option: 'name',
    variable: 'MILLRACE_WORKER_NAME',
    value: 'NAME',
    help: "what the worker's id begins with (default the name of the host)",
  },
  burst: {
    option: 'burst',
    variable: 'MILLRACE_BURST',
    help: 'work until the queues are empty, then exit; tasks that wait for a time do not keep it',
  },
  drainSeconds: {
    option: 'drain-seconds',
    variable: 'MILLRACE_DRAIN_SECONDS',
    value: 'S',
    help: 'time that running handlers are given when the worker stops (default 10)',
  },
  softTimeLimit: {
    option: 'soft-time-limit',
    variable: 'MILLRACE_SOFT_TIME_LIMIT',
    value: 'S',
    help: 'seconds after which a handler that sets no limit is asked to stop (default 1800)',
  },
  timeLimit: {
    option: 'time-limit',
    variable: 'MILLRACE_TIME_LIMIT',
    value: 'S',
    help: 'seconds after which the attempt of such a handler is ended (default 2400)',
  },
  maxTasksPerChild: {
    option: 'max-tasks-per-child',
    variable: 'MILLRACE_MAX_TASKS_PER_CHILD',
    value: 'N',
    help: 'tasks after which a child process that runs handlers is replaced; 0 for no limit (default 10)',
  },
  maxMemoryPerChildBytes: {
    option: 'max-memory-per-child',
    variable: 'MILLRACE_MAX_MEMORY_PER_CHILD',
    value: 'BYTES|2GB',
    help: 'memory beyond which such a process is killed with the handler it runs (default 2GB)',
  },
  tempDir: {
    option: 'temp-dir',
    variable: 'MILLRACE_TEMP_DIR',
    value: 'DIR',
    help: 'where tasks keep temporary files, each in a folder of its id (default millrace in the temporary folder of the system)',
  },
  logLevel: {
    option: 'log-level',
    variable: 'MILLRACE_LOG_LEVEL',
    value: 'L',
    help: 'least level that is logged: trace, debug, info, warn, error (default info)',
  },
  logFormat: {
    variable: 'MILLRACE_LOG_FORMAT',
    help: 'json for machines, pretty for a terminal (default json)',
  },
  webhooks: {
    variable: 'MILLRACE_WEBHOOKS',
    help: 'true: also serve the queue millrace, whose tasks tell webhooks of alerts (default false)',
  },
  metricsPort: {
    variable: 'MILLRACE_METRICS_PORT',
    help: 'port of the metrics for Prometheus; 0 takes a free one (default none)',
  },
  metricsHost: {
    variable: 'MILLRACE_METRICS_HOST',
    help: 'address on which the metrics are served: they need no key (default 127.0.0.1)',
  },
  natsUrl: {
    variable: 'NATS_URL',
    help: 'where the broker is: nats://user:password@host:port (default nats://127.0.0.1:4222)',
  },
  leaseSeconds: {
    variable: 'MILLRACE_LEASE_SECONDS',
    help: 'without a sign of life for so long the ticket of a worker goes to another one (default 30)',
  },
  quietSeconds: {
    variable: 'MILLRACE_QUIET_SECONDS',
    help: 'time after a (re)connect in which nothing is taken over from other workers (default 10)',
  },
  supervised: {
    variable: 'MILLRACE_SUPERVISED',
    help: 'set by a supervisor: the process ends when its supervisor does',
  },
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof settings;

const list = (what: string, pattern: RegExp) =>
  z
    .string()
    .transform((text) => text.split(',').map((entry) => entry.trim()))
    .refine((entries) => entries.every((entry) => pattern.test(entry)), {
      error: `must be ${what}, separated by commas`,
    });

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .transform((text) => (/^\d{1,15}$/.test(text) ? Number(text) : NaN))
    .refine((value) => value >= least && value <= most, {
      error: `must be a whole number from ${least} to ${most}`,
    });

const seconds = (least: number) =>
  z
    .string()
    .transform((text) => (/^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) : NaN))
    .refine((value) => value >= least, { error: `must be a number of seconds, ${least} or more` });

const limit = z
  .string()
  .transform((text) => (/^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) : NaN))
  .refine((value) => value > 0, { error: 'must be a number of seconds above 0' });

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` });

const LABEL = /^([A-Za-z0-9_.-]{1,64})=([A-Za-z0-9_.-]{1,64})$/;
const labels = list('labels such as gpu=true', LABEL).transform((entries) =>
  Object.fromEntries(entries.map((entry) => entry.split('=', 2) as [string, string])),
);

const UNITS = { '': 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;
const bytes = z
  .string()
  .transform((text) => {
    const [, digits, unit = ''] = /^(\d{1,15}) ?(KB|MB|GB)?$/i.exec(text) ?? [];
    return digits === undefined ? NaN : Number(digits) * UNITS[unit.toUpperCase() as keyof typeof UNITS];
  })
  .refine((value) => value > 0, { error: 'must be a number of bytes, or one with KB, MB or GB behind it' });

/** What the settings may be; each error goes on where the name of the setting ends. */
export const schema = z
  .object({
    handlers: list('packages or paths', /./).default(['@millrace/samples']),
    queues: list('names of 1 to 64 of the characters a-z, 0-9, _ and -', /^[a-z0-9_-]{1,64}$/).optional(),
    concurrency: wholeNumber(1, 10_000).optional(),
    prefetch: wholeNumber(0, 100_000).default(0),
    labels: labels.optional(),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: 'must be 1 to 40 of the characters A-Z, a-z, 0-9, _ and -' })
      .optional(),
    burst: z.stringbool({ error: 'must be true or false' }).default(false),
    drainSeconds: seconds(0).default(10),
    softTimeLimit: limit.optional(),
    timeLimit: limit.optional(),
    maxTasksPerChild: wholeNumber(0, 1_000_000_000).optional(),
    maxMemoryPerChildBytes: bytes.optional(),
    tempDir: z.string().min(1).optional(),
    logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
    logFormat: oneOf(['json', 'pretty']).default('json'),
    webhooks: z.stringbool({ error: 'must be true or false' }).default(false),
    metricsPort: wholeNumber(0, 65_535).optional(),
    metricsHost: z.string().default('127.0.0.1'),
    natsUrl: z.string().default('nats://127.0.0.1:4222'),
    leaseSeconds: seconds(1).default(30),
    quietSeconds: seconds(0).default(10),
    supervised: z.string().optional(),
  } satisfies Record<SettingKey, z.ZodType>)
  .refine(({ softTimeLimit = 0, timeLimit = Infinity }) => softTimeLimit <= timeLimit, {
    path: ['softTimeLimit'],
    error: 'must not be longer than the time limit',
  });
