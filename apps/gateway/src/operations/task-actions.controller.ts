import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Gone } from '../http/gone.decorator.js';
import { examples } from './examples.js';
import { TaskAction, TaskActionDone } from './task-actions.schema.js';
import { TaskActions } from './task-actions.service.js';

@ApiTags('Tasks')
@Controller('tasks/actions')
export class TaskActionsController {
  constructor(private readonly actions: TaskActions) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'actOnTasks',
    summary: 'Retry, resume, cancel or pause many tasks',
    description:
      'Finds the tasks in Postgres, the oldest first, and decides each of them on the log, where its status is looked at again. Answers when it is through; when the client goes away, nothing more is begun. A run that is paused has its 10 seconds of grace.',
    role: 'operator',
    returns: { 200: { description: 'What was done', schema: TaskActionDone, example: examples.acted } },
    errors: ['request/invalid', 'request/malformed', 'log/unavailable', 'archive/unavailable'],
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/TaskAction' },
    examples: { retry: { value: examples.action } },
  })
  act(
    @Body({ schema: TaskAction }) body: TaskAction,
    @By() by: Origin,
    @Gone() gone: AbortSignal,
  ): Promise<TaskActionDone> {
    return this.actions.act(body, by, gone);
  }
}
