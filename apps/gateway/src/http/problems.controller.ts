import { Controller, Get, Redirect } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Endpoint } from './endpoint.decorator.js';
import { PROBLEM_CODES, exampleOf } from './error-responses.js';

const ProblemKinds = z
  .object({ items: z.array(z.object({ code: z.string(), status: z.int(), title: z.string() })) })
  .meta({ id: 'ProblemKinds' });
type ProblemKinds = z.infer<typeof ProblemKinds>;

const kinds: ProblemKinds = {
  items: PROBLEM_CODES.map(exampleOf).map(({ code, status, title }) => ({ code, status, title })),
};

@ApiTags('Problems')
@Controller()
export class ProblemsController {
  @Get('problems')
  @Endpoint({
    operationId: 'listProblems',
    summary: 'Every kind of error there is',
    description: 'Where the type of each problem leads.',
    role: 'anyone',
    returns: {
      200: { description: 'All codes', schema: ProblemKinds, example: { items: kinds.items.slice(0, 2) } },
    },
  })
  problems(): ProblemKinds {
    return kinds;
  }

  @Get()
  @Redirect('/docs')
  @ApiExcludeEndpoint()
  root(): void {
    // The documents are the front page until there is a dashboard.
  }
}
