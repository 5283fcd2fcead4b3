import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { CONFIG } from '../gateway.constants.js';
import type { GatewayConfig } from '../config.js';
import { ProblemError } from '../http/problem.js';
import { ApiKeys } from './api-keys.js';
import { allows } from './roles.js';
import type { Caller, Role } from './roles.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller must be; a route of the API without it does not start. */
    role?: Role | 'anyone';
    /** Bytes that a body may have. */
    bodyLimit?: number;
  }
}

const ANONYMOUS: Caller = { name: 'anonymous', role: 'admin' };
const WHO_ARE_YOU = { 'www-authenticate': 'Bearer realm="millrace"' };

/**
 * Asks every request for its key. A hook of Fastify and not a guard of Nest: it runs before the body is read, so that nobody without a key
 * can make the gateway parse megabytes.
 */
@Injectable()
export class Authentication {
  constructor(
    host: HttpAdapterHost,
    private readonly keys: ApiKeys,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    fastify.decorateRequest('caller');
    fastify.addHook('onRoute', ({ url, config }) => {
      if (url.startsWith('/api/') && config?.role === undefined)
        throw new Error(`${url} does not say who may call it: give it an @Endpoint with a role.`);
    });
    fastify.addHook('onRequest', (request, _reply, done) => {
      try {
        this.#admit(request);
        done();
      } catch (error) {
        done(error as Error);
      }
    });
  }

  #admit(request: FastifyRequest): void {
    const { role: needed } = request.routeOptions.config;
    if (needed === undefined || needed === 'anyone') return;
    const caller = this.#callerOf(request);
    request.caller = caller;
    if (!allows(caller.role, needed))
      throw new ProblemError(
        'request/forbidden',
        `The key "${caller.name}" is a ${caller.role}; this needs the role ${needed}. Ask an admin for a key that has it.`,
      );
  }

  #callerOf({ headers }: FastifyRequest): Caller {
    if (this.config.MILLRACE_AUTH === 'off') return ANONYMOUS;
    const key = headers['x-api-key'] ?? bearerOf(headers.authorization);
    if (typeof key !== 'string' || key === '')
      throw new ProblemError(
        'request/unauthenticated',
        'Send your API key in the header X-API-Key, or as "Authorization: Bearer <key>".',
        { headers: WHO_ARE_YOU },
      );
    const caller = this.keys.find(key);
    if (!caller)
      throw new ProblemError('request/unauthenticated', 'No such API key: it is mistyped or was deleted.', {
        headers: WHO_ARE_YOU,
      });
    return caller;
  }
}

const bearerOf = (authorization: string | undefined): string | undefined =>
  authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
