import type { FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a command without a path of its own is to change, and the field of its body that says which. */
    target?: { type: string; field: string };
  }
}

export interface AuditTarget {
  /** `task`, `queue`, `key`, `operation` and so on. */
  type: string;
  id: string;
}

/** Longer ones are none of ours, and would only fill the log. */
const ID_CHARACTERS = 128;

/** What a command was to change: as its path says, else its answer, else its body. */
export function targetOf(request: FastifyRequest, reply: FastifyReply): AuditTarget | undefined {
  const found = inPath(request.params) ?? inAnswer(reply.getHeader('location')) ?? inBody(request);
  if (found && !PLAIN.test(found.id)) found.id = plain(found.id);
  return found;
}

/** Ids of ours. One that was refused may be anything: long, or what no column takes. */
const PLAIN = /^[\x20-\x7e]{1,128}$/;
const plain = (id: string): string => id.slice(0, ID_CHARACTERS).replaceAll(/[^\x20-\x7e]/g, '?');

/** `/tasks/:task_id/pause`, `/queues/:queue` */
function inPath(params: unknown): AuditTarget | undefined {
  for (const name in params as Record<string, string> | undefined)
    return { type: name.replace(/_id$/, ''), id: (params as Record<string, string>)[name] ?? '' };
  return undefined;
}

/** `Location: /api/v1/tasks/42` */
function inAnswer(location: unknown): AuditTarget | undefined {
  if (typeof location !== 'string') return undefined;
  // No expression: each submission comes by here.
  const before = location.lastIndexOf('/');
  const collection = location.lastIndexOf('/', before - 1) + 1;
  if (before <= collection) return undefined;
  return { type: location.slice(collection, before - 1), id: location.slice(before + 1) };
}

function inBody({ body, routeOptions }: FastifyRequest): AuditTarget | undefined {
  const { target } = routeOptions.config;
  if (!target || typeof body !== 'object' || body === null) return undefined;
  const id = (body as Record<string, unknown>)[target.field];
  return typeof id === 'string' && id !== '' ? { type: target.type, id } : undefined;
}
