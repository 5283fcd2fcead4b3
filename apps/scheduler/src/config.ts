import { DEFAULT_RETENTION_HOURS, isName } from '@millrace/domain';
import {
  DEFAULT_TEMP_DIR,
  commonSettings,
  databaseSettings,
  positive,
  readConfig,
  telemetrySettings,
  wholeNumber,
} from '@millrace/runtime';
import { z } from 'zod';

/** Its variables: docs/reference/configuration.md is made from them. */
export const Environment = z.object({
  ...commonSettings,
  ...databaseSettings,
  ...telemetrySettings,
  MILLRACE_SWEEP_SECONDS: positive()
    .default(60)
    .describe('How often the sweeper looks for tasks that no message will ever wake'),
  MILLRACE_SLOT_CHECK_SECONDS: positive()
    .default(60)
    .describe('How often the slots of limited queues are compared with the log'),
  MILLRACE_ALERT_SECONDS: positive().default(15).describe('How often the alert rules are looked after'),
  MILLRACE_JANITOR_SECONDS: positive().default(300).describe('How often the janitor shortens the log'),
  MILLRACE_LOG_RETENTION_HOURS: positive()
    .default(24)
    .describe('Facts older than this leave the log; the archive in Postgres keeps them'),
  MILLRACE_LOG_RETENTION_TASKS: wholeNumber(1, 1_000_000_000)
    .default(2_000_000)
    .describe('Finished tasks that the log keeps at most, whatever their age'),
  MILLRACE_CLEANUP_SECONDS: positive().default(3600).describe('How often ended tasks are cleaned up'),
  MILLRACE_CLEANUP_RETENTION_HOURS: hours()
    .default(DEFAULT_RETENTION_HOURS)
    .describe(
      'How long failed and cancelled tasks are kept for which nothing else is said; forever: never cleaned up',
    ),
  MILLRACE_CLEANUP_RETENTION: hoursByTask().default({ transcription: 24, vod_processing: 48 }).meta({
    description:
      'How long failed and cancelled tasks are kept, by the name of the task: transcription=24,audit=forever',
    shownDefault: 'transcription=24,vod_processing=48',
  }),
  MILLRACE_TEMP_DIR: z.string().min(1).default(DEFAULT_TEMP_DIR).meta({
    description: 'Where workers keep temporary files of tasks, if that can be reached from here',
    shownDefault: 'millrace in the temporary folder of the system',
  }),
  MILLRACE_STORE_LIMIT_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Size of the log at which it counts as full, where the NATS account has no limit; 0: none'),
  MILLRACE_QUIET_SECONDS: z.coerce
    .number()
    .min(0)
    .default(10)
    .describe(
      'Time after a (re)connect in which no running task is taken for lost: its worker may reconnect',
    ),
});

/** What the scheduler was told by its environment. */
export type SchedulerConfig = z.infer<typeof Environment>;

/** Fails with all wrong variables at once. */
export const readSchedulerConfig = (env: NodeJS.ProcessEnv = process.env): Readonly<SchedulerConfig> =>
  readConfig(Environment, env);

function hours() {
  return z
    .string()
    .transform((text) => hoursIn(text))
    .refine((value) => value >= 0, { error: 'must be a number of hours, or forever.' });
}

function hoursByTask() {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .filter((entry) => entry.trim() !== '')
        .map((entry): [string, number] => {
          const [name = '', value = ''] = entry.split('=', 2);
          return [name.trim(), hoursIn(value.trim())];
        }),
    )
    .refine((entries) => entries.every(([name, value]) => isName(name) && value >= 0), {
      error: 'must be names of tasks and hours, such as transcription=24,audit=forever.',
    })
    .transform((entries) => Object.fromEntries(entries));
}

/** Not a number for what is none. */
const hoursIn = (text: string): number =>
  text === 'forever' ? Infinity : /^\d{1,7}(\.\d+)?$/.test(text) ? Number(text) : NaN;
