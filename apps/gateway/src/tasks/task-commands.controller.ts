import { Body, Controller, Delete, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { examples } from './examples.js';
import { TaskId } from './submit-task.schema.js';
import { CancelledTask, CommandDone, RetryTask } from './task-commands.schema.js';
import { TaskCommands } from './task-commands.service.js';

const WHATEVER_STATE = ['request/invalid', 'task/not-found', 'task/contended', 'log/unavailable'] as const;

@ApiTags('Tasks')
@Controller('tasks/:task_id')
export class TaskCommandsController {
  constructor(private readonly commands: TaskCommands) {}

  @Delete()
  @Endpoint({
    operationId: 'cancelTask',
    summary: 'Cancel a task',
    description:
      'A waiting task never starts; a running one is stopped at once, and a late result of it is refused. What has ended stays as it is.',
    role: 'operator',
    returns: {
      200: {
        description: 'The task is revoked, now or before',
        schema: CancelledTask,
        example: examples.cancelled,
      },
    },
    errors: [...WHATEVER_STATE, 'task/already-succeeded', 'task/already-failed', 'archive/unavailable'],
    serialize: true,
  })
  cancel(@Param('task_id', { schema: TaskId }) taskId: string, @By() by: Origin): Promise<CancelledTask> {
    return this.commands.cancel(taskId, by);
  }

  @Post('retry')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'retryTask',
    summary: 'Retry a failed task',
    description:
      'Attempts are counted anew; the run starts from the last checkpoint unless from_start is true.',
    role: 'operator',
    returns: { 202: { description: 'The task is ready', schema: CommandDone, example: examples.retried } },
    errors: [...WHATEVER_STATE, 'task/not-retryable', 'task/archived', 'archive/unavailable'],
    serialize: true,
  })
  retry(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: RetryTask }) { from_start }: RetryTask,
    @By() by: Origin,
  ): Promise<CommandDone> {
    return this.commands.retry(taskId, from_start, by);
  }

  @Post('resume')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'resumeTask',
    summary: 'Resume a paused or failed task',
    description: 'The run starts from the last checkpoint.',
    role: 'operator',
    returns: { 200: { description: 'The task is ready', schema: CommandDone, example: examples.resumed } },
    errors: [...WHATEVER_STATE, 'task/not-resumable', 'task/archived', 'archive/unavailable'],
    serialize: true,
  })
  resume(@Param('task_id', { schema: TaskId }) taskId: string, @By() by: Origin): Promise<CommandDone> {
    return this.commands.resume(taskId, by);
  }
}
