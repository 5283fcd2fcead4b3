import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from './problem.js';

/** Of all bodies in hand, read or being read: four of the longest bulks. What is made of a body takes several times as much. */
const BYTES_AT_MOST = 256 * 1024 * 1024;
/** Shorter ones are not worth the counting. */
const COUNTED_FROM_BYTES = 64 * 1024;
const RETRY_AFTER_SECONDS = 2;

/** Refuses long bodies before they are read while others fill the memory that is meant for them. */
export function limitBodies(fastify: FastifyInstance): void {
  let inHand = 0;
  fastify.addHook('onRequest', (request, reply, done) => {
    const bytes = bytesOf(request);
    if (bytes < COUNTED_FROM_BYTES) {
      done();
      return;
    }
    if (inHand + bytes > BYTES_AT_MOST) {
      // The rest of the body would have to be read, or taken for the next request.
      reply.header('connection', 'close');
      done(overloaded(inHand));
      return;
    }
    inHand += bytes;
    reply.raw.once('close', () => {
      inHand -= bytes;
    });
    done();
  });
}

/** A body that does not tell its length may be as long as its route allows. */
function bytesOf({ headers, routeOptions }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return routeOptions.bodyLimit;
  return Number(headers['content-length'] ?? 0);
}

const overloaded = (inHand: number): ProblemError =>
  new ProblemError(
    'gateway/overloaded',
    `Requests of ${Math.round(inHand / 1024 ** 2)} MiB are in hand. Nothing was written; send the request again in a moment, or a shorter one.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
