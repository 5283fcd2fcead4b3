import { z } from 'zod';
import { wholeNumber } from './numbers.js';

/** What is wrong with the environment: every fault at once, each in a sentence. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(
      `The configuration has ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
  }
}

/**
 * Reads the environment by a schema whose keys are the variables. An empty variable counts as not set. The parts of {@link databaseSettings}
 * become a `DATABASE_URL` where there is none.
 *
 * @throws ConfigError with all faults in one message
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv,
): Readonly<z.output<z.ZodObject<Shape>>> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  if ('POSTGRES_HOST' in schema.shape) set.DATABASE_URL ??= databaseUrlOf(set);
  const result = schema.safeParse(set);
  if (result.success) return Object.freeze(result.data);
  throw new ConfigError(
    result.error.issues.map((issue) => {
      const name = issue.path.join('.');
      return set[name] === undefined ? `${name} must be set: ${issue.message}` : `${name}: ${issue.message}`;
    }),
  );
}

/** Variables that every app reads. */
export const commonSettings = {
  NATS_URL: z
    .string()
    .default('nats://127.0.0.1:4222')
    .describe('Where the broker is: nats://user:password@host:port'),
  MILLRACE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('Least level that is logged'),
  MILLRACE_LOG_FORMAT: z
    .enum(['json', 'pretty'])
    .default('json')
    .describe('json for machines, pretty for a terminal'),
  MILLRACE_SUPERVISED: z
    .string()
    .optional()
    .describe('Set by a supervisor: the process ends when its supervisor does'),
} as const;

/** The database of apps that use it. */
export const databaseSettings = {
  DATABASE_URL: z
    .string()
    .default('postgres://millrace@127.0.0.1:5432/millrace')
    .describe('Where Postgres is'),
  POSTGRES_HOST: z
    .string()
    .optional()
    .describe('Instead of DATABASE_URL, which wins: its parts, as images of Postgres name them'),
  POSTGRES_PORT: wholeNumber(1, 65_535).optional().describe('With POSTGRES_HOST; 5432 if not said'),
  POSTGRES_USER: z.string().optional().describe('With POSTGRES_HOST; postgres if not said'),
  POSTGRES_PASSWORD: z.string().optional().describe('With POSTGRES_HOST; none if not said'),
  POSTGRES_DB: z.string().optional().describe('With POSTGRES_HOST; millrace if not said'),
} as const;

function databaseUrlOf({
  POSTGRES_HOST: host,
  POSTGRES_PORT: port = '5432',
  POSTGRES_USER: user = 'postgres',
  POSTGRES_PASSWORD: password,
  POSTGRES_DB: database = 'millrace',
}: NodeJS.ProcessEnv): string | undefined {
  if (host === undefined) return undefined;
  const login = [user, password].flatMap((part) => (part === undefined ? [] : encodeURIComponent(part)));
  return `postgres://${login.join(':')}@${host}:${port}/${encodeURIComponent(database)}`;
}
