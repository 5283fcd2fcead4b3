import { createParamDecorator } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './roles.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every request that needs a role. */
    caller: Caller | undefined;
  }
}

/** Who causes a change, and under which correlation id: what a command needs to know of its request. */
export interface Origin {
  /** `api:<name of the key>` */
  actor: string;
  correlationId: string;
}

/** The origin of the request. */
export const By = createParamDecorator((_data: unknown, context): Origin => {
  const { caller, id } = context.switchToHttp().getRequest<FastifyRequest>();
  return { actor: `api:${caller?.name ?? 'anonymous'}`, correlationId: id };
});
