import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

export const CORRELATION_HEADER = 'x-correlation-id';

/** Visible ASCII, so that it may stand in a header and in a log line as it is. */
export const CORRELATION_PATTERN = /^[\x21-\x7e]{1,128}$/;

const isCorrelationId = (value: unknown): value is string =>
  typeof value === 'string' && CORRELATION_PATTERN.test(value);

/** The id of a request is its correlation id: the caller's, else a new one. */
export function correlationIdOf({ headers }: IncomingMessage): string {
  const given = headers[CORRELATION_HEADER];
  return isCorrelationId(given) ? given : crypto.randomUUID();
}

/** Answers every request with its correlation id; without the header, that of the body counts. */
export function answerCorrelationIds(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header(CORRELATION_HEADER, request.id);
    done();
  });
  fastify.addHook('preValidation', (request, reply, done) => {
    const body = request.body as { correlation_id?: unknown } | null | undefined;
    const given = body?.correlation_id;
    if (given !== undefined && request.headers[CORRELATION_HEADER] === undefined && isCorrelationId(given)) {
      request.id = given;
      reply.header(CORRELATION_HEADER, given);
    }
    done();
  });
}
