import { createParamDecorator } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/**
 * Aborts when the client has gone away, or has its answer. Fastify's own `request.signal` follows the request, which is over as soon as
 * its body was read.
 */
export const Gone = createParamDecorator((_data: unknown, context): AbortSignal => {
  const { raw } = context.switchToHttp().getResponse<FastifyReply>();
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  return gone.signal;
});
