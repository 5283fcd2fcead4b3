import { Controller, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { TaskId } from '../tasks/submit-task.schema.js';
import { explain } from './explain.js';
import { Explanation, explanationExample } from './explanation.schema.js';
import { Situations } from './situations.service.js';

@ApiTags('Tasks')
@Controller('tasks/:task_id/explain')
export class ExplainController {
  constructor(private readonly situations: Situations) {}

  @Get()
  @Endpoint({
    operationId: 'explainTask',
    summary: 'Explain a task',
    description:
      'Why it does not run, or why it ran more than once, in sentences; what must happen next, for programs. Without Postgres it says what is not known.',
    role: 'viewer',
    returns: { 200: { description: 'The explanation', schema: Explanation, example: explanationExample } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  async explain(@Param('task_id', { schema: TaskId }) taskId: string): Promise<Explanation> {
    return explain(await this.situations.of(taskId));
  }
}
