import type { FastifyReply } from 'fastify';
import type { ProblemAnswer } from './problem-of.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the problem that it was answered with. */
    problemCode: string | undefined;
  }
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Answers with a problem. */
export function sendProblem(
  reply: FastifyReply,
  { body, headers }: ProblemAnswer,
  correlationId: string,
): void {
  reply.request.problemCode = body.code;
  void reply
    .status(body.status)
    .headers(headers)
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify({ ...body, correlation_id: correlationId }));
}
