import type { FastifyReply } from 'fastify';
import type { ProblemAnswer } from './problem-of.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Answers with a problem. */
export function sendProblem(
  reply: FastifyReply,
  { body, headers }: ProblemAnswer,
  correlationId: string,
): void {
  void reply
    .status(body.status)
    .headers(headers)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify({ ...body, correlation_id: correlationId }));
}
