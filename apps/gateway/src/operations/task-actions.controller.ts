import { Body, Controller, HttpCode, HttpStatus, Post, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Gone } from '../http/gone.decorator.js';
import { Operation, operationExamples } from './operations.schema.js';
import { TaskAction, TaskActionDone, actionExamples } from './task-actions.schema.js';
import { TaskActions, doneOf } from './task-actions.service.js';

@ApiTags('Operations')
@Controller('tasks/actions')
export class TaskActionsController {
  constructor(private readonly actions: TaskActions) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'actOnTasks',
    summary: 'Do one thing to many tasks',
    description:
      'Retry, resume, cancel, pause, change the priority of, or move to the front all tasks that a filter finds. Postgres finds them, the oldest first, and each of them is decided on the log, where its status is looked at again. Answers when it is through; when the client goes away, nothing more is begun. With `background` it answers at once. A run that is paused has its 10 seconds of grace.',
    role: 'operator',
    returns: {
      200: { description: 'What was done', schema: TaskActionDone, example: actionExamples.done },
      202: { description: 'It has begun', schema: Operation, example: operationExamples.one },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'operation/too-many',
      'log/unavailable',
      'archive/unavailable',
    ],
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/TaskAction' },
    examples: { retry: { value: actionExamples.action } },
  })
  async act(
    @Body({ schema: TaskAction }) body: TaskAction,
    @By() by: Origin,
    @Gone() gone: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskActionDone | Operation> {
    if (body.dry_run) return this.actions.rehearse(body, gone);
    const { operation, ended } = await this.actions.start(body, by, body.background ? undefined : gone);
    if (!body.background) return doneOf(await ended);
    reply.status(HttpStatus.ACCEPTED);
    reply.header('location', `/api/v1/operations/${operation.operation_id}`);
    return operation;
  }
}
