import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { TaskId } from './submit-task.schema.js';
import { ListTaskLogs, TaskLogs, taskLogsExample } from './task-logs.schema.js';
import { TaskLogLines } from './task-logs.service.js';

@ApiTags('Tasks')
@Controller('tasks')
export class TaskLogsController {
  constructor(private readonly lines: TaskLogLines) {}

  @Get(':task_id/logs')
  @Endpoint({
    operationId: 'listTaskLogs',
    summary: 'Read what a task has logged',
    description:
      'The lines of its handler, over all attempts, in order: the last thousand, for a week. They are kept without waiting for the broker, so a line may be missing after an outage.',
    role: 'viewer',
    returns: { 200: { description: 'One page', schema: TaskLogs, example: taskLogsExample } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  list(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: ListTaskLogs }) query: ListTaskLogs,
  ): Promise<TaskLogs> {
    return this.lines.page(taskId, query);
  }
}
