import { isIP } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AuditEntry } from '@millrace/log';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.js';
import { CONFIG } from '../gateway.constants.js';
import { AuditTrail } from './audit-trail.js';
import { targetOf } from './audit-target.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operationId of the route. */
    operation?: string;
    /** Whether it submits tasks, whose facts say by themselves who did it. */
    submits?: boolean;
  }
}

/** What changes nothing is no command. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Hands every command over REST to the audit trail, refused ones too. The answer of one that was carried out waits for its entry to be in
 * the log; those of submissions, which are many and are facts themselves, do not.
 */
@Injectable()
export class AuditHook {
  constructor(
    host: HttpAdapterHost,
    private readonly trail: AuditTrail,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {
    // The last moment before the answer: whatever became of the command is known.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onSend', (request, reply, payload, done) => {
      const { operation, submits = false } = request.routeOptions.config;
      if (operation === undefined || READS.has(request.method)) {
        done(null, payload);
        return;
      }
      const isAccepted = reply.statusCode < 400;
      if (isAccepted && !submits)
        void this.trail.keep(entryOf(operation, request, reply)).finally(() => done(null, payload));
      else {
        if (!(isAccepted && this.config.MILLRACE_AUDIT === 'commands'))
          this.trail.add(entryOf(operation, request, reply));
        done(null, payload);
      }
    });
  }
}

/** Never the body, the query or a key. The fields are in the order that the hash of the note wants. */
function entryOf(operation: string, request: FastifyRequest, reply: FastifyReply): AuditEntry {
  const { caller, id, method, problemCode } = request;
  const target = targetOf(request, reply);
  // All fields, also those without a value: objects of one shape are made, and written as JSON, several times faster.
  return {
    actor: caller && `api:${caller.name}`,
    address: addressOf(request),
    at: now(),
    code: problemCode,
    correlation_id: id,
    method,
    operation,
    role: caller?.role,
    status: reply.statusCode,
    target: target?.id,
    target_type: target?.type,
  };
}

const IPV4_IN_IPV6 = '::ffff:';

/** What a proxy passed on may be no address. */
function addressOf({ ip, socket }: FastifyRequest): string {
  const address = isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip;
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
}

const clock = { ms: NaN, text: '' };

/** Thousands of commands share their millisecond. */
function now(): string {
  const ms = Date.now();
  if (ms !== clock.ms) [clock.ms, clock.text] = [ms, new Date(ms).toISOString()];
  return clock.text;
}
