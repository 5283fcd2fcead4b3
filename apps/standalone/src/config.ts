import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '@millrace/runtime';
import { z } from 'zod';

/** A server of ours to start, or one that runs already. */
export type ServerChoice<Embedded> = ({ kind: 'embedded' } & Embedded) | { kind: 'external'; url: string };

/** Everything standalone was told by its environment. */
export interface StandaloneConfig {
  dataDir: string;
  port: number;
  adminKey: string | undefined;
  /** Whether a terminal may be given colours: NO_COLOR forbids it. */
  mayColour: boolean;
  nats: ServerChoice<{ port: number; explicitPath: string | undefined }>;
  postgres: ServerChoice<{ port: number }>;
}

/** The folder of the clone: this file runs as apps/standalone/dist/config.js. */
export const PROJECT_DIR = fileURLToPath(new URL('../../..', import.meta.url));

const DEFAULT_PORT = 3000;
const DEFAULT_NATS_PORT = 4222;
/** Not 5432: a machine that already has a Postgres of its own must not trouble the very first start. */
const DEFAULT_POSTGRES_PORT = 5433;

/** Its variables: docs/reference/configuration.md is made from them. */
export const Environment = z.object({
  MILLRACE_DATA_DIR: z
    .string()
    .default(join(PROJECT_DIR, '.millrace'))
    .meta({ description: 'Folder of all data', shownDefault: '.millrace in the clone' }),
  PORT: port(1).default(DEFAULT_PORT).describe('Port of the API'),
  MILLRACE_NATS_PORT: port(0)
    .default(DEFAULT_NATS_PORT)
    .describe('Port of the broker that it starts; 0 takes a free one'),
  MILLRACE_POSTGRES_PORT: port(0)
    .default(DEFAULT_POSTGRES_PORT)
    .describe('Port of the Postgres that it starts; 0 takes a free one'),
  MILLRACE_ADMIN_KEY: z
    .string()
    .optional()
    .describe('An API key with the role admin; without it the first start makes one and shows it once'),
  MILLRACE_NATS_SERVER: z
    .string()
    .optional()
    .describe('The nats-server to run; without it one is found or fetched'),
  NO_COLOR: z.string().optional().describe('Anything: no colours in the terminal'),
  NATS_URL: url(['nats', 'tls'], 'nats://user:password@host:4222')
    .optional()
    .describe('A broker that runs already: none is started'),
  DATABASE_URL: url(['postgres', 'postgresql'], 'postgres://user:password@host:5432/millrace')
    .optional()
    .describe('A Postgres that runs already: none is started'),
});

/** Reads the environment; fails with all wrong variables at once, each in a plain sentence. */
export function readStandaloneConfig(env: NodeJS.ProcessEnv = process.env): Readonly<StandaloneConfig> {
  const read = readConfig(Environment, env);
  return Object.freeze<StandaloneConfig>({
    dataDir: resolve(read.MILLRACE_DATA_DIR),
    port: read.PORT,
    adminKey: read.MILLRACE_ADMIN_KEY,
    mayColour: read.NO_COLOR === undefined,
    nats:
      read.NATS_URL === undefined
        ? { kind: 'embedded', port: read.MILLRACE_NATS_PORT, explicitPath: read.MILLRACE_NATS_SERVER }
        : { kind: 'external', url: read.NATS_URL },
    postgres:
      read.DATABASE_URL === undefined
        ? { kind: 'embedded', port: read.MILLRACE_POSTGRES_PORT }
        : { kind: 'external', url: read.DATABASE_URL },
  });
}

function port(least: 0 | 1) {
  const error = `must be a port, a whole number from ${String(least)} to 65535.`;
  return z
    .string()
    .regex(/^\d{1,5}$/, { error, abort: true })
    .transform(Number)
    .refine((value) => value >= least && value <= 65_535, { error });
}

function url(protocols: readonly string[], example: string) {
  const pattern = new RegExp(`^(${protocols.join('|')})://[^\\s]+$`);
  return z.string().regex(pattern, { error: `must be a URL such as ${example}.` });
}
