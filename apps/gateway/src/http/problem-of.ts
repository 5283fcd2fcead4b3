import { REFUSALS, isRefusal } from '@millrace/domain';
import { ConcurrencyError, LogRefusedError, LogUnavailableError } from '@millrace/log';
import { HttpException } from '@nestjs/common';
import { GATEWAY_PROBLEMS, ProblemError, REFUSAL_STATUS, problem } from './problem.js';
import type { GatewayProblemCode, Problem } from './problem.js';

/** A problem and what its answer needs beside the body. */
export interface ProblemAnswer {
  body: Problem;
  headers: Record<string, string>;
}

/** Seconds after which a client may try again what the log could not take. */
const RETRY_LOG_SECONDS = 2;

/** JetStream's code for a message over the `max_payload` of the server, which may be set lower than ours needs. */
const MESSAGE_TOO_LARGE = 10054;

/** What Fastify complains about before a handler runs. */
const FASTIFY_PROBLEMS: Record<string, [GatewayProblemCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'request/unsupported-media-type',
    'Send the body as JSON, with the header "Content-Type: application/json".',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'request/malformed',
    'The length of the body is not what its header Content-Length says.',
  ],
  FST_ERR_CTP_INVALID_JSON_BODY: ['request/malformed', 'The body is not valid JSON.'],
  FST_ERR_BAD_URL: ['request/malformed', 'The path is not validly percent-encoded.'],
  FST_ERR_MAX_PARAM_LENGTH: [
    'request/invalid',
    'A part of the path is too long: ids have 128 characters at most.',
  ],
};

/**
 * Every error as its answer.
 *
 * @returns undefined when nobody foresaw it: a fault of ours, to be logged and told without its insides
 */
export function problemOf(error: unknown): ProblemAnswer | undefined {
  if (error instanceof ProblemError) return ofOwn(error);
  if (isRefusal(error))
    return answer(problem(error.code, REFUSAL_STATUS[error.code], REFUSALS[error.code], error.message));
  if (error instanceof LogUnavailableError)
    return ofOwn(
      new ProblemError(
        'log/unavailable',
        'The log did not answer in time. What was asked may still be written: repeat a submission with the same Idempotency-Key (or task_id), any other request as it is.',
        { retryAfterSeconds: RETRY_LOG_SECONDS },
      ),
    );
  if (error instanceof ConcurrencyError)
    return ofOwn(
      new ProblemError(
        'task/contended',
        'Others changed the task at the same time, again and again. Try again.',
      ),
    );
  if (error instanceof LogRefusedError && error.code === MESSAGE_TOO_LARGE)
    return ofOwn(new ProblemError('task/too-large', `The log takes no message as long: ${error.message}`));
  return ofHttp(error);
}

/** The answer to what nobody foresaw. */
export const internalProblem = (): ProblemAnswer =>
  ofOwn(
    new ProblemError(
      'gateway/internal',
      'Something failed that should not. The log of the gateway tells more under the correlation id of this answer.',
    ),
  );

function ofOwn({ code, message, extra }: ProblemError): ProblemAnswer {
  const { status, title } = GATEWAY_PROBLEMS[code];
  const body = problem(code, status, title, message);
  if (extra.errors) body.errors = extra.errors;
  const retryAfter: Record<string, string> =
    extra.retryAfterSeconds === undefined ? {} : { 'retry-after': String(extra.retryAfterSeconds) };
  return answer(body, { ...retryAfter, ...extra.headers });
}

/** What Fastify and Nest themselves refuse. */
function ofHttp(error: unknown): ProblemAnswer | undefined {
  const cause = error instanceof HttpException ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return undefined;
  const { code, statusCode } = cause as { code?: string; statusCode?: number };
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return ofOwn(new ProblemError('request/too-large', TOO_LARGE));
  const known = code === undefined ? undefined : FASTIFY_PROBLEMS[code];
  if (known) return ofOwn(new ProblemError(...known));
  if (status === undefined || status < 400 || status >= 500) return undefined;
  return answer(problem('request/refused', status, GATEWAY_PROBLEMS['request/refused'].title, cause.message));
}

const TOO_LARGE =
  'The body is too large: 1 MiB for one task (512 KiB of parameters), 64 MiB for a bulk. Put large input into a file or an object store and submit where it is.';

const answer = (body: Problem, headers: Record<string, string> = {}): ProblemAnswer => ({ body, headers });
