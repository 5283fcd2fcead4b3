import { REFUSALS } from '@millrace/domain';
import type { RefusalCode } from '@millrace/domain';
import type { ApiResponseNoStatusOptions } from '@nestjs/swagger';
import type { Role } from '../auth/roles.js';
import { GATEWAY_PROBLEMS, REFUSAL_STATUS, problem } from './problem.js';
import type { GatewayProblemCode, Problem, ProblemCode } from './problem.js';

const PROBLEM_SCHEMA = { $ref: '#/components/schemas/Problem' };

/** Too many requests, or something is away. */
const COME_BACK = [429, 503];
const RETRY_AFTER = { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' } } };

/** The error answers of an operation for the OpenAPI document: by status, with an example of each problem. */
export function errorResponses(
  codes: readonly ProblemCode[],
  role: Role | 'anyone',
): (ApiResponseNoStatusOptions & { status: number })[] {
  const guarded: ProblemCode[] = role === 'anyone' ? [] : ['request/unauthenticated', 'request/forbidden'];
  const byStatus = new Map<number, Problem[]>();
  for (const code of new Set<ProblemCode>([...codes, ...guarded, 'gateway/internal'])) {
    const example = exampleOf(code);
    byStatus.set(example.status, [...(byStatus.get(example.status) ?? []), example]);
  }
  return [...byStatus].map(([status, problems]) => ({
    status,
    description: problems.map(({ title }) => title).join(' · '),
    ...(COME_BACK.includes(status) && { headers: RETRY_AFTER }),
    content: {
      'application/problem+json': {
        schema: PROBLEM_SCHEMA,
        examples: Object.fromEntries(
          problems.map((value) => [value.code.replace('/', '_'), { summary: value.title, value }]),
        ),
      },
    },
  }));
}

/** The problem without the details of a case. */
export function exampleOf(code: ProblemCode): Problem {
  if (isRefusalCode(code)) return problem(code, REFUSAL_STATUS[code], REFUSALS[code], REFUSALS[code]);
  const { status, title } = GATEWAY_PROBLEMS[code];
  return problem(code, status, title, title);
}

/** Every code there is. */
export const PROBLEM_CODES = [
  ...(Object.keys(GATEWAY_PROBLEMS) as GatewayProblemCode[]),
  ...(Object.keys(REFUSALS) as RefusalCode[]),
];

const isRefusalCode = (code: ProblemCode): code is RefusalCode => code in REFUSALS;
