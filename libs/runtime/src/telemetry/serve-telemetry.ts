import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Logger } from '../logging.js';
import { Telemetry } from './telemetry.js';

const PORT_ERROR = 'must be a whole number from 0 to 65535.';

/** Variables of apps that have no port of their own. */
export const telemetrySettings = {
  MILLRACE_METRICS_PORT: z
    .string()
    .regex(/^\d{1,5}$/, { error: PORT_ERROR, abort: true })
    .transform(Number)
    .refine((port) => port <= 65_535, { error: PORT_ERROR })
    .optional()
    .describe('Port of the metrics for Prometheus; 0 takes a free one, not set: none'),
  MILLRACE_METRICS_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address on which the metrics are served: they need no key'),
} as const;

/** What an app tells Prometheus, and the end of it. */
export interface ServedTelemetry {
  /** Undefined where no port is set. */
  telemetry: Telemetry | undefined;
  stop: () => Promise<void>;
}

/**
 * Serves `GET /metrics` of an app until it is stopped; nothing where no port is set. A port that is taken is told, and the app goes on
 * without: tasks matter more.
 */
export async function serveTelemetry(
  app: string,
  options: { port: number | undefined; host: string; logger: Logger },
): Promise<ServedTelemetry> {
  const { port, host, logger } = options;
  if (port === undefined) return { telemetry: undefined, stop: () => Promise.resolve() };
  const telemetry = new Telemetry(app);
  const server = createServer((request, response) => {
    void answer(telemetry, request, response);
  });
  try {
    server.listen(port, host);
    await once(server, 'listening');
    logger.info({ host, port: (server.address() as AddressInfo).port }, 'Metrics are served');
  } catch (error) {
    logger.error({ err: error, host, port }, 'Metrics cannot be served');
  }
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  return { telemetry, stop };
}

async function answer(
  telemetry: Telemetry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  if (request.method !== 'GET' || path !== '/metrics') {
    response.writeHead(404).end();
    return;
  }
  try {
    const text = await telemetry.text();
    response.writeHead(200, { 'content-type': telemetry.contentType }).end(text);
  } catch {
    response.writeHead(500).end();
  }
}
