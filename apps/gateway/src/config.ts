import { isIP } from 'node:net';
import { commonSettings, databaseSettings, readConfig, wholeNumber } from '@millrace/runtime';
import { z } from 'zod';

/** Everything the gateway was told by its environment. */
export type GatewayConfig = Readonly<z.output<typeof Environment>>;

const DEFAULT_PORT = 3000;
const DEFAULT_HOST = '0.0.0.0';
const DEFAULT_STREAMS = 2_000;
const DEFAULT_UNDO_MINUTES = 60;
/** A week: as long as operations are known. */
const UNDO_MINUTES_MOST = 10_080;

/** Whose `X-Forwarded-For` is believed: nobody's, that of so many proxies in front, or of these addresses. */
export type TrustedProxies = 'off' | number | string[];

/** `10.0.0.7`, `10.0.0.0/8`, `fd00::/8` */
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return (
    bits > 0 &&
    more.length === 0 &&
    (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
  );
}

const trustedProxies = z.string().transform((text, context): TrustedProxies => {
  if (text === 'off') return text;
  if (/^[1-9]$/.test(text)) return Number(text);
  const addresses = text.split(',').map((part) => part.trim());
  if (addresses.every(isNetwork)) return addresses;
  context.addIssue({
    code: 'custom',
    message:
      'must be off, a number of proxies from 1 to 9, or addresses with commas between (10.0.0.7, 10.0.0.0/8).',
  });
  return z.NEVER;
});

/** Its variables: docs/reference/configuration.md is made from them. */
export const Environment = z.object({
  ...commonSettings,
  ...databaseSettings,
  PORT: wholeNumber(0, 65_535).default(DEFAULT_PORT).describe('Port of the API; 0 takes a free one'),
  MILLRACE_HOST: z.string().default(DEFAULT_HOST).describe('Address to listen on'),
  MILLRACE_ADMIN_KEY: z
    .string()
    .min(16, { error: 'must have at least 16 characters.' })
    .max(256, { error: 'must have at most 256 characters.' })
    .optional()
    .describe('An API key with the role admin; only its hash is kept'),
  MILLRACE_AUTH: z.enum(['on', 'off']).default('on').describe('off: everybody who reaches the port is admin'),
  MILLRACE_METRICS_AUTH: z
    .enum(['on', 'off'])
    .default('on')
    .describe('off: GET /metrics needs no key; on: a key with the role viewer, as a bearer token'),
  MILLRACE_TRUST_PROXY: trustedProxies
    .default('off')
    .describe(
      'Whose header X-Forwarded-For is believed: off, the number of proxies in front, or their addresses with commas between',
    ),
  MILLRACE_AUDIT: z
    .enum(['all', 'commands'])
    .default('all')
    .describe('commands: the audit leaves out accepted submissions, whose facts say who did it'),
  MILLRACE_UNDO_MINUTES: wholeNumber(0, UNDO_MINUTES_MOST)
    .default(DEFAULT_UNDO_MINUTES)
    .describe('How long after its end the cancel of many tasks can be undone'),
  MILLRACE_STREAMS_AT_MOST: wholeNumber(0, 100_000)
    .default(DEFAULT_STREAMS)
    .describe('Streams of events that are open at once; more are refused with 503'),
  MILLRACE_STORE_LIMIT_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Size of the log at which it counts as full, where the NATS account has no limit; 0: none'),
});

/** The only reader of the environment. Fails with every wrong variable at once. */
export const readGatewayConfig = (env: NodeJS.ProcessEnv = process.env): GatewayConfig =>
  readConfig(Environment, env);
