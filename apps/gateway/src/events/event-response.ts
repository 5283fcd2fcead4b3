import type { OutgoingHttpHeaders } from 'node:http';
import type { Writable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { GREETING } from './frames.js';

export const EVENT_STREAM = 'text/event-stream';

/** Begins an answer that does not end by itself, and takes it out of Fastify's hands. */
export function openEventStream(reply: FastifyReply): Writable {
  reply.headers({
    'content-type': EVENT_STREAM,
    'cache-control': 'no-store',
    // Nginx would gather events until its buffer is full.
    'x-accel-buffering': 'no',
    // What ends with its connection needs no chunks: each event is one plain write.
    connection: 'close',
  });
  const headers = reply.getHeaders() as OutgoingHttpHeaders;
  reply.hijack();
  const { raw } = reply;
  raw.removeHeader('transfer-encoding');
  raw.writeHead(200, headers);
  raw.write(GREETING);
  return raw;
}
