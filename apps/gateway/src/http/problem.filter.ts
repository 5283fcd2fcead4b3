import { Catch, Inject } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { Logger } from '@millrace/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LOGGER } from '../gateway.constants.js';
import { KnownRoutes } from './known-routes.js';
import { internalProblem, problemOf } from './problem-of.js';
import type { ProblemAnswer } from './problem-of.js';
import { ProblemError } from './problem.js';
import { sendProblem } from './send-problem.js';

/** Answers every error as problem+json; what nobody foresaw is logged and told without its insides. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly routes: KnownRoutes,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.end();
      return;
    }
    sendProblem(reply, this.#answerTo(error, request), request.id);
  }

  #answerTo(error: unknown, request: FastifyRequest): ProblemAnswer {
    const foreseen = problemOf(request.is404 ? this.#noRoute(request) : error);
    if (foreseen) return foreseen;
    const { id, method, url } = request;
    this.logger.error({ err: error, correlation_id: id, method, url }, 'A request failed');
    return internalProblem();
  }

  #noRoute({ method, url }: FastifyRequest): ProblemError {
    const allowed = this.routes.methodsOf(url);
    if (allowed.length === 0)
      return new ProblemError(
        'request/not-found',
        `There is nothing at ${url}. The paths are listed at /docs.`,
      );
    return new ProblemError(
      'request/method-not-allowed',
      `${method} does nothing here; this path knows ${allowed.join(', ')}.`,
      { headers: { allow: allowed.join(', ') } },
    );
  }
}
