import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Logger } from '@millrace/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TrustedProxies } from '../config.js';
import { CORRELATION_HEADER, answerCorrelationIds, correlationIdOf } from './correlation.js';
import { limitBodies } from './limit-bodies.js';
import { ProblemError, problem } from './problem.js';
import { internalProblem, problemOf } from './problem-of.js';
import { PROBLEM_MEDIA_TYPE, sendProblem } from './send-problem.js';

/** Enough for 512 KiB of parameters and whatever else a task has; a bulk route says more. */
const BODY_BYTES = 1024 * 1024;
/** A request that trickles in for longer is cut off. */
const REQUEST_WITHIN_MS = 120_000;
const ID_CHARACTERS = 128;
/** Where clients of another system look for the numbers of tasks. */
const STATS_ELSEWHERE = /^\/tasks\/stats(\?|$)/;

/** Fastify as this gateway wants it: JSON only, every error a problem, a correlation id for every request. */
export function createFastify(logger: Logger, trusted: TrustedProxies): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_WITHIN_MS,
    routerOptions: { maxParamLength: 2 * ID_CHARACTERS },
    trustProxy: trustedBy(trusted),
    genReqId: correlationIdOf,
    // Connections that are still open while the gateway stops get their answers, and are closed with them.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerGarbage,
    frameworkErrors: answerBadUrl,
    // Nest would take the prefix from the path of the API that has the same name.
    rewriteUrl: ({ url = '/' }) => (STATS_ELSEWHERE.test(url) ? `/api${url}` : url),
    // No middleware is used: the hook that would look for it costs every request.
    skipMiddie: true,
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.decorateRequest('problemCode');
  readJsonOnly(fastify);
  applyRouteLimits(fastify);
  limitBodies(fastify);
  answerCorrelationIds(fastify);
  if (logger.isLevelEnabled('debug')) logRequests(fastify, logger);
  return adapter;
}

/** As Fastify wants it: the first hop is the address that is connected. */
function trustedBy(
  trusted: TrustedProxies,
): boolean | string[] | ((address: string, hop: number) => boolean) {
  if (trusted === 'off') return false;
  return typeof trusted === 'number' ? (_address, hop) => hop < trusted : trusted;
}

function readJsonOnly(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'ignore');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    // A missing body is no broken JSON: clients send the content type with DELETE, too.
    if (body === '') done(null, undefined);
    else
      void parse(request, body as string, (error, value) => done(error && malformed(body as string), value));
  });
}

/** Why the body was refused: the parser itself does not say. */
function malformed(body: string): ProblemError {
  try {
    JSON.parse(body);
    return new ProblemError(
      'request/malformed',
      'A key named "__proto__" is not accepted anywhere in a body.',
    );
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new ProblemError('request/malformed', `The body is not valid JSON: ${why}.`);
  }
}

/** Each route's own limit, from its `@Endpoint`. */
function applyRouteLimits(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    const bodyLimit = route.config?.bodyLimit;
    if (bodyLimit !== undefined) route.bodyLimit = bodyLimit;
  });
}

function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const { id, method, url, caller } = request;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    logger.debug(
      { correlation_id: id, method, url, status: reply.statusCode, ms, key: caller?.name },
      'Request answered',
    );
    done();
  });
}

/** The router refuses some URLs before any hook runs. */
function answerBadUrl(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  reply.header(CORRELATION_HEADER, request.id);
  sendProblem(reply, problemOf(error) ?? internalProblem(), request.id);
}

/** What is not even HTTP gets its answer, too. */
function answerGarbage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(
    problem('request/malformed', 400, 'The request cannot be read', 'This is no valid HTTP/1.1 request.'),
  );
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
