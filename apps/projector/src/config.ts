import { LEAST_KEPT } from '@millrace/read-model';
import {
  commonSettings,
  databaseSettings,
  readConfig,
  telemetrySettings,
  wholeNumber,
} from '@millrace/runtime';
import { z } from 'zod';

const MAX_BATCH = 5000;
const MOST_DAYS = 36_500;

/** Its variables: docs/reference/configuration.md is made from them. */
export const Environment = z.object({
  ...commonSettings,
  ...databaseSettings,
  ...telemetrySettings,
  MILLRACE_PROJECTOR_BATCH: wholeNumber(1, MAX_BATCH)
    .default(4000)
    .describe('Messages in one transaction at most'),
  MILLRACE_PROJECTOR_KNOWN_TASKS: wholeNumber(0, 1_000_000)
    .default(50_000)
    .describe('Unfinished tasks that are kept in memory, at about 1 KB each'),
  MILLRACE_METRICS_MINUTES_KEPT_HOURS: wholeNumber(LEAST_KEPT.minutesOfHours, 10_000)
    .default(48)
    .describe('Hours for which metrics are kept by the minute'),
  MILLRACE_METRICS_HOURS_KEPT_DAYS: wholeNumber(LEAST_KEPT.hoursOfDays, 10_000)
    .default(90)
    .describe('Days for which metrics are kept by the hour; by the day they are kept for ever'),
  MILLRACE_SEARCH_INDEX: z
    .enum(['on', 'off'], { error: 'must be on or off.' })
    .default('on')
    .transform((value) => value === 'on')
    .describe('Whether searches of tasks have an index; without it they walk'),
  MILLRACE_ARCHIVE_RETENTION_DAYS: wholeNumber(0, MOST_DAYS)
    .default(0)
    .describe('Days that the archive and ended tasks are kept; 0 is for ever'),
  MILLRACE_AUDIT_RETENTION_DAYS: wholeNumber(0, MOST_DAYS)
    .default(400)
    .describe('Days that Postgres keeps the audit and other notes of OPS; 0 is for ever'),
  MILLRACE_AUDIT_ANCHOR_SECONDS: wholeNumber(0, 86_400)
    .default(600)
    .describe('How often digests of the archive go into the chain of the audit; 0 is never'),
});

/** What the projector was told by its environment. */
export type ProjectorConfig = z.infer<typeof Environment>;

/** Fails with all wrong variables at once. */
export const readProjectorConfig = (env: NodeJS.ProcessEnv = process.env): Readonly<ProjectorConfig> =>
  readConfig(Environment, env);
