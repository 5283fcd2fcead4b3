import { describe, expect, it } from '@jest/globals';
import { REFUSALS, TaskRefusal } from '@millrace/domain';
import type { RefusalCode } from '@millrace/domain';
import { ConcurrencyError, LogRefusedError, LogUnavailableError } from '@millrace/log';
import { HttpException, NotFoundException } from '@nestjs/common';
import { PROBLEM_CODES, exampleOf } from './error-responses.js';
import { internalProblem, problemOf } from './problem-of.js';
import { ProblemError, REFUSAL_STATUS } from './problem.js';

const fastifyError = (code: string, statusCode: number): HttpException => {
  const cause = Object.assign(new Error('in the words of Fastify'), {
    code,
    statusCode,
    name: 'FastifyError',
  });
  return new HttpException(cause.message, statusCode, { cause });
};

describe('a refusal of the domain', () => {
  it.each(Object.keys(REFUSALS) as RefusalCode[])('%s keeps its code and sentence', (code) => {
    const { body } = problemOf(new TaskRefusal(code, 'Because of this.')) ?? {};
    expect(body).toEqual({
      type: `/problems#${code}`,
      title: REFUSALS[code],
      status: REFUSAL_STATUS[code],
      detail: 'Because of this.',
      code,
    });
    expect(body?.status).toBeLessThan(500);
  });
});

describe('a problem of the gateway', () => {
  it('has its faults, its headers and its wait', () => {
    const errors = [{ path: 'a', message: 'b' }];
    const error = new ProblemError('log/unavailable', 'Later.', {
      errors,
      retryAfterSeconds: 7,
      headers: { allow: 'GET' },
    });
    expect(problemOf(error)).toEqual({
      body: expect.objectContaining({ status: 503, code: 'log/unavailable', detail: 'Later.', errors }),
      headers: { 'retry-after': '7', allow: 'GET' },
    });
  });
});

describe('an error of the log', () => {
  it('without an answer says that the write may be stored', () => {
    const { body, headers } = problemOf(new LogUnavailableError('no answer')) ?? {};
    expect(body).toMatchObject({ status: 503, code: 'log/unavailable' });
    expect(body?.detail).toContain('may still be written');
    expect(headers).toEqual({ 'retry-after': '2' });
  });

  it('for a message too long is the fault of the task', () => {
    expect(problemOf(new LogRefusedError(10054, '2 MiB.'))?.body).toMatchObject({
      status: 413,
      code: 'task/too-large',
    });
  });

  it('after lost races is a conflict', () => {
    expect(problemOf(new ConcurrencyError(1, 2))?.body).toMatchObject({
      status: 409,
      code: 'task/contended',
    });
  });
});

describe('an error of Fastify or Nest', () => {
  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'request/too-large'],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'request/unsupported-media-type'],
    ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400, 'request/malformed'],
    ['FST_ERR_CTP_INVALID_JSON_BODY', 400, 'request/malformed'],
    ['FST_ERR_SOMETHING_NEW', 418, 'request/refused'],
  ])('%s is the problem %i %s', (fastifyCode, status, code) => {
    expect(problemOf(fastifyError(fastifyCode, status))?.body).toMatchObject({ status, code });
  });

  it('that is known by its status alone keeps it', () => {
    expect(problemOf(new NotFoundException('Cannot GET /x'))?.body).toMatchObject({
      status: 404,
      detail: 'Cannot GET /x',
    });
  });
});

describe('an error that nobody foresaw', () => {
  it.each([
    new Error('secret'),
    new TypeError('x is undefined'),
    new LogRefusedError(1, 'odd'),
    'text',
    undefined,
  ])('is no problem of the caller', (error) => {
    expect(problemOf(error)).toBeUndefined();
  });

  it('is told without its insides', () => {
    expect(internalProblem().body).toMatchObject({ status: 500, code: 'gateway/internal' });
  });
});

describe('the catalogue', () => {
  it('has every code once, with a status and a title', () => {
    expect(new Set(PROBLEM_CODES).size).toBe(PROBLEM_CODES.length);
    for (const code of PROBLEM_CODES) {
      const { status, title } = exampleOf(code);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(title).not.toBe('');
    }
  });
});
