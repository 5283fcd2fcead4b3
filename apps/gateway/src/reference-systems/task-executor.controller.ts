import { Body, Controller, Get, HttpCode, HttpStatus, Param, Post, Redirect, Res } from '@nestjs/common';
import { ApiBody, ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Gone } from '../http/gone.decorator.js';
import { metricsExamples } from '../metrics/metrics-examples.js';
import { TaskStats } from '../metrics/task-stats.schema.js';
import { TaskStatsReader } from '../metrics/task-stats.service.js';
import { examples } from '../tasks/examples.js';
import { Submissions } from '../tasks/submissions.service.js';
import { SubmitTask, SubmittedTask, TaskId } from '../tasks/submit-task.schema.js';
import { CommandDone, RetryTask } from '../tasks/task-commands.schema.js';
import { TaskCommands } from '../tasks/task-commands.service.js';
import { TaskReader } from '../tasks/task-reader.service.js';
import { TaskResults } from '../tasks/task-results.service.js';
import { TaskNotEnded } from '../tasks/task-view.schema.js';
import { plainExamples } from './examples.js';
import { PlainResult, PlainStatus, plainResult, plainStatus } from './reference-systems.schema.js';

const STATUS = {
  summary: 'Get the status of a task',
  description:
    'As GET /api/v1/tasks/{task_id}/status, with progress as a percentage and error as a text; both in full beside them.',
  role: 'viewer',
  returns: { 200: { description: 'The status', schema: PlainStatus, example: plainExamples.status } },
  errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
} as const;

/** Where clients of a task executor, and of a worker with a small API of its own, look for their tasks. */
@ApiTags('Reference systems')
@Controller()
export class TaskExecutorController {
  constructor(
    private readonly submissions: Submissions,
    private readonly commands: TaskCommands,
    private readonly reader: TaskReader,
    private readonly results: TaskResults,
    private readonly stats: TaskStatsReader,
  ) {}

  @Get('api/tasks/stats')
  @Endpoint({
    operationId: 'getWorkerTaskStats',
    summary: 'Count all tasks',
    description: 'The same as GET /api/v1/tasks/stats. GET /tasks/stats answers, too.',
    role: 'viewer',
    returns: { 200: { description: 'The counts', schema: TaskStats, example: metricsExamples.stats } },
    errors: ['archive/unavailable'],
  })
  readStats(): Promise<TaskStats> {
    return this.stats.read();
  }

  @Post('api/tasks/submit')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'submitExecutorTask',
    summary: 'Submit a task',
    description: 'The same as POST /api/v1/tasks.',
    role: 'operator',
    submits: true,
    target: { type: 'task', field: 'task_id' },
    returns: {
      202: { description: 'The task is in the log', schema: SubmittedTask, example: examples.submitted },
      200: {
        description: 'The task was submitted before',
        schema: SubmittedTask,
        example: { ...examples.submitted, duplicate: true },
      },
    },
    errors: [
      'request/invalid',
      'task/unknown-name',
      'task/invalid-parameters',
      'queue/full',
      'log/unavailable',
    ],
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/SubmitTask' },
    examples: {
      task: {
        value: {
          task_name: 'my_simple_task',
          parameters: { message: 'Hello from API', count: 3 },
          priority: 7,
        },
      },
    },
  })
  async submit(
    @Body({ schema: SubmitTask }) body: SubmitTask,
    @By() by: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmittedTask> {
    await this.submissions.open();
    const submitted = await this.submissions.submit(body, by);
    reply.status(submitted.duplicate ? HttpStatus.OK : HttpStatus.ACCEPTED);
    return submitted;
  }

  @Get('api/tasks/:id/status')
  @Endpoint({ operationId: 'getExecutorTaskStatus', ...STATUS })
  async executorStatus(@Param('id', { schema: TaskId }) taskId: string): Promise<PlainStatus> {
    return plainStatus(await this.reader.status(taskId));
  }

  @Get('tasks/:id/status')
  @Endpoint({ operationId: 'getWorkerTaskStatus', ...STATUS })
  async workerStatus(@Param('id', { schema: TaskId }) taskId: string): Promise<PlainStatus> {
    return plainStatus(await this.reader.status(taskId));
  }

  @Get('api/tasks/:id/result')
  @Endpoint({
    operationId: 'getExecutorTaskResult',
    summary: 'Wait for the end of a task',
    description:
      'Blocks until the task has ended, however long that takes; 202 when the gateway stops before. GET /api/v1/tasks/{task_id}/result waits for a time only.',
    role: 'viewer',
    returns: {
      200: { description: 'The task has ended', schema: PlainResult, example: plainExamples.result },
      202: { description: 'The gateway stops: ask again', schema: TaskNotEnded, example: examples.notEnded },
    },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  async result(
    @Param('id', { schema: TaskId }) taskId: string,
    @Gone() gone: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PlainResult | TaskNotEnded> {
    const result = await this.results.awaitEnd(taskId, gone);
    reply.status('result' in result ? HttpStatus.OK : HttpStatus.ACCEPTED);
    return 'result' in result ? plainResult(result) : result;
  }

  @Post('tasks/:id/retry')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'retryWorkerTask',
    summary: 'Retry a failed task',
    description: 'The same as POST /api/v1/tasks/{task_id}/retry.',
    role: 'operator',
    returns: { 202: { description: 'The task is ready', schema: CommandDone, example: examples.retried } },
    errors: ['request/invalid', 'task/not-found', 'task/not-retryable', 'task/contended', 'log/unavailable'],
    serialize: true,
  })
  retry(
    @Param('id', { schema: TaskId }) taskId: string,
    @Body({ schema: RetryTask }) { from_start }: RetryTask,
    @By() by: Origin,
  ): Promise<CommandDone> {
    return this.commands.retry(taskId, from_start, by);
  }

  @Get('flower')
  @Redirect('/docs')
  @ApiExcludeEndpoint()
  flower(): void {
    // The documents are the front page until there is a dashboard.
  }
}
