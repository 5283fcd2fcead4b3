import type { RefusalCode } from '@millrace/domain';
import { z } from 'zod';

/** What the gateway itself has to complain about, next to the refusals of the domain. */
export const GATEWAY_PROBLEMS = {
  'request/invalid': { status: 400, title: 'The request is not valid' },
  'request/malformed': { status: 400, title: 'The request cannot be read' },
  'request/unauthenticated': { status: 401, title: 'An API key is needed' },
  'request/forbidden': { status: 403, title: 'The role of the API key does not allow this' },
  'request/not-found': { status: 404, title: 'There is nothing here' },
  'request/method-not-allowed': { status: 405, title: 'This path does not know the method' },
  'request/too-large': { status: 413, title: 'The request is too large' },
  'request/unsupported-media-type': { status: 415, title: 'Only JSON is understood' },
  'request/refused': { status: 400, title: 'The request was refused' },
  'task/unknown-name': { status: 400, title: 'No handler has registered this task name' },
  'task/unknown-queue': { status: 400, title: 'The queue is not defined' },
  'task/invalid-parameters': { status: 400, title: 'The parameters do not fit the handler' },
  'task/too-large': { status: 413, title: 'The parameters are too large' },
  'task/cleaned': { status: 410, title: 'The task was cleaned up, and its result with it' },
  'signal/too-large': { status: 413, title: 'The payload of the signal is too large' },
  'task/archived': { status: 409, title: 'The task has left the log' },
  'task/contended': { status: 409, title: 'Others changed the task at the same time' },
  'queue/front-full': { status: 409, title: 'Too many tasks were placed in front already' },
  'key/not-found': { status: 404, title: 'There is no such key' },
  'key/already-exists': { status: 409, title: 'The name is taken' },
  'key/last-admin': { status: 409, title: 'One admin key must stay' },
  'queue/not-found': { status: 404, title: 'There is no such queue' },
  'queue/full': { status: 429, title: 'So many tasks wait in the queue that it takes no more' },
  'queue/route-taken': { status: 409, title: 'Another queue routes the task name' },
  'queue/contended': { status: 409, title: 'Others changed the queue at the same time' },
  'operation/not-found': { status: 404, title: 'There is no such operation' },
  'operation/not-undoable': { status: 409, title: 'The operation cannot be undone' },
  'operation/too-many': { status: 429, title: 'Too many operations run at once' },
  'events/too-many-streams': {
    status: 503,
    title: 'So many streams of events are open that no more are taken',
  },
  'rebuild/running': { status: 409, title: 'The read models are being rebuilt' },
  'rebuild/not-found': { status: 404, title: 'No rebuild was ever asked for' },
  'worker/not-found': { status: 404, title: 'There is no such worker' },
  'alert-rule/not-found': { status: 404, title: 'There is no such alert rule' },
  'alert-rule/not-kept': { status: 400, title: 'The past of this metric is not kept' },
  'webhook/not-found': { status: 404, title: 'There is no such webhook' },
  'log/unavailable': { status: 503, title: 'The log is away' },
  'log/store-full': { status: 503, title: 'The store of the log is nearly full' },
  'archive/behind': { status: 503, title: 'Postgres is behind the log' },
  'archive/unavailable': { status: 503, title: 'Postgres is away' },
  'gateway/overloaded': { status: 503, title: 'The gateway has as much in hand as it can hold' },
  'scheduler/unavailable': { status: 503, title: 'The scheduler did not answer' },
  'gateway/stopping': { status: 503, title: 'The gateway is stopping' },
  'gateway/internal': { status: 500, title: 'The gateway failed' },
} as const satisfies Record<string, { status: number; title: string }>;

/** Refusals of the domain in the language of HTTP. A new code does not compile until it has its status. */
export const REFUSAL_STATUS: Record<RefusalCode, number> = {
  'task/not-found': 404,
  'task/already-exists': 409,
  'task/already-succeeded': 400,
  'task/already-failed': 400,
  'task/already-ended': 400,
  'task/not-claimable': 409,
  'task/attempt-overtaken': 409,
  'task/not-running': 400,
  'task/not-waiting': 400,
  'task/not-resumable': 400,
  'task/input-unread': 409,
  'task/not-retryable': 400,
  'task/not-restorable': 409,
  'task/already-started': 409,
  'task/already-cleaned': 400,
  'task/not-cleanable': 409,
};

export type GatewayProblemCode = keyof typeof GATEWAY_PROBLEMS;
export type ProblemCode = GatewayProblemCode | RefusalCode;

/** One fault of a request: where, and what is wrong there. */
export const Fault = z
  .strictObject({
    path: z.string().meta({ description: 'Where, as `retry.max_retries` or `tags[3]`; empty for the whole' }),
    message: z.string(),
  })
  .meta({ id: 'Fault' });
export type Fault = z.infer<typeof Fault>;

/** The body of every error answer (RFC 9457). */
export const Problem = z
  .object({
    type: z.string().meta({ description: 'A URI reference that names the kind of problem' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'A sentence that says what to do about it' }),
    code: z.string().meta({ description: 'Stable name of the problem', example: 'task/not-found' }),
    errors: z.array(Fault).optional().meta({ description: 'Every fault of a request that is not valid' }),
    correlation_id: z.string().optional(),
  })
  .meta({ id: 'Problem', description: 'An error, as RFC 9457 has it.' });
export type Problem = z.infer<typeof Problem>;

/** An answer that is not 2xx, decided by the gateway itself. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  /** @param detail a sentence the caller can act on */
  constructor(
    readonly code: GatewayProblemCode,
    detail: string,
    readonly extra: { errors?: Fault[]; retryAfterSeconds?: number; headers?: Record<string, string> } = {},
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}

/** The body of a problem. */
export function problem(code: ProblemCode, status: number, title: string, detail: string): Problem {
  return { type: `/problems#${code}`, title, status, detail, code };
}
