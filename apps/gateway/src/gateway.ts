import 'reflect-metadata';
import type { Socket } from 'node:net';
import { RequestMethod } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLogger } from '@millrace/runtime';
import type { Logger } from '@millrace/runtime';
import type { GatewayConfig } from './config.js';
import { GatewayModule } from './gateway.module.js';
import { createFastify } from './http/fastify.js';
import { serveDocument } from './openapi/document.js';

/** A gateway that listens. */
export interface RunningGateway {
  /** `http://127.0.0.1:3000` */
  url: string;
  /** Takes no new connections, answers what is under way (waits for results with 202), lets go of the log and Postgres. */
  stop(): Promise<void>;
}

/** What is under way when the gateway stops is answered within this time, or cut off. */
const ANSWER_WITHIN_MS = 20_000;
const CLOSE_IDLE_EVERY_MS = 50;
const PREFIX = 'api/v1';
/** For probes and people: no part of the versioned API. */
const OUTSIDE = ['/', '/problems', '/health/live', '/health/ready', '/flower'];
/** Nor are the paths of other systems. With escaped colons: a path of the API that differs by the name of a parameter keeps its prefix. */
const ELSEWHERE = [
  '/tasks/\\:id/status',
  '/tasks/\\:id/retry',
  '/api/tasks/submit',
  '/api/tasks/stats',
  '/api/tasks/\\:id/status',
  '/api/tasks/\\:id/result',
  '/api/unified-queue/tasks/cleanup',
  '/api/unified-queue/tasks/\\:id/resume',
  '/api/unified-queue/tasks/\\:id/reorder',
];

/** Starts a gateway; resolves once it answers. Waits for the log, but not for Postgres. */
export async function startGateway(config: GatewayConfig, logger: Logger): Promise<RunningGateway> {
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.of(config, logger),
    createFastify(logger, config.MILLRACE_TRUST_PROXY),
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
  );
  app.setGlobalPrefix(PREFIX, {
    exclude: [
      ...OUTSIDE.map((path) => ({ path, method: RequestMethod.GET })),
      ...ELSEWHERE.map((path) => ({ path, method: RequestMethod.ALL })),
    ],
  });
  serveDocument(app);
  const sockets = openSockets(app);
  await app.listen(config.PORT, config.MILLRACE_HOST);
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address !== null ? address.port : config.PORT;
  logger.info({ host: config.MILLRACE_HOST, port }, 'Gateway listens');
  return { url: `http://127.0.0.1:${port}`, stop: () => stop(app, sockets) };
}

function openSockets(app: NestFastifyApplication): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  app.getHttpServer().on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function stop(app: NestFastifyApplication, sockets: ReadonlySet<Socket>): Promise<void> {
  const server = app.getHttpServer();
  const closeIdle = (): void => {
    // A connection that was answering when the server closed is idle a moment later, and would be kept alive for a minute.
    server.closeIdleConnections();
    // Browsers open connections in advance; Node waits for their first request as if it were under way.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
  const sweep = setInterval(closeIdle, CLOSE_IDLE_EVERY_MS);
  const patience = setTimeout(() => server.closeAllConnections(), ANSWER_WITHIN_MS);
  await app.close().finally(() => {
    clearInterval(sweep);
    clearTimeout(patience);
  });
}
