import { Controller, Get, HttpStatus, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Endpoint } from '../http/endpoint.decorator.js';
import { examples } from './examples.js';
import { PastTasks } from './past-tasks.service.js';
import { AtQuery, ListTasks, ResultQuery } from './list-tasks.schema.js';
import { TaskId } from './submit-task.schema.js';
import { DiffQuery, TaskDiff } from './task-diff.schema.js';
import { TaskDiffs } from './task-diffs.service.js';
import { TaskLists } from './task-lists.service.js';
import { TaskReader } from './task-reader.service.js';
import { TaskResults } from './task-results.service.js';
import {
  TaskEvents,
  TaskList,
  TaskNotEnded,
  TaskResult,
  TaskStatusView,
  TaskView,
} from './task-view.schema.js';

@ApiTags('Tasks')
@Controller('tasks')
export class TasksController {
  constructor(
    private readonly reader: TaskReader,
    private readonly lists: TaskLists,
    private readonly past: PastTasks,
    private readonly results: TaskResults,
    private readonly diffs: TaskDiffs,
  ) {}

  @Get()
  @Endpoint({
    operationId: 'listTasks',
    summary: 'List tasks',
    description:
      'From Postgres, which lags behind the log by projection.lag_ms. Pages are by key: pass next_cursor as cursor, with the same sort.',
    role: 'viewer',
    returns: { 200: { description: 'One page', schema: TaskList, example: examples.list } },
    errors: ['request/invalid', 'archive/unavailable', 'archive/behind'],
    serialize: true,
  })
  list(@Query({ schema: ListTasks }) query: ListTasks): Promise<TaskList> {
    return this.lists.page(query);
  }

  @Get(':task_id')
  @Endpoint({
    operationId: 'getTask',
    summary: 'Get a task',
    description:
      'Everything known of a task, with its parameters, options and attempts. With `at`, as it was then.',
    role: 'viewer',
    returns: { 200: { description: 'The task', schema: TaskView, example: examples.task } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable', 'archive/behind'],
    serialize: true,
  })
  get(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: AtQuery }) { at }: AtQuery,
  ): Promise<TaskView> {
    return at === undefined ? this.reader.task(taskId) : this.past.task(taskId, at);
  }

  @Get(':task_id/status')
  @Endpoint({
    operationId: 'getTaskStatus',
    summary: 'Get the status of a task',
    description:
      'From the log: it shows what was written this instant, also while Postgres is away. With `at`, from the archive as it was then.',
    role: 'viewer',
    returns: { 200: { description: 'The status', schema: TaskStatusView, example: examples.status } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  status(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: AtQuery }) { at }: AtQuery,
  ): Promise<TaskStatusView> {
    return at === undefined ? this.reader.status(taskId) : this.past.status(taskId, at);
  }

  @Get(':task_id/result')
  @Endpoint({
    operationId: 'getTaskResult',
    summary: 'Wait for the result of a task',
    description: 'Answers the moment the task ends, or 202 when the timeout is over first: then ask again.',
    role: 'viewer',
    returns: {
      200: { description: 'The task has ended', schema: TaskResult, example: examples.result },
      202: { description: 'The task has not ended yet', schema: TaskNotEnded, example: examples.notEnded },
    },
    errors: ['request/invalid', 'task/not-found', 'task/cleaned', 'log/unavailable', 'archive/unavailable'],
  })
  async result(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: ResultQuery }) { timeout }: ResultQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskResult | TaskNotEnded> {
    const result = await this.results.await(taskId, timeout, request.signal);
    reply.status('result' in result ? HttpStatus.OK : HttpStatus.ACCEPTED);
    return result;
  }

  @Get(':task_id/events')
  @Endpoint({
    operationId: 'listTaskEvents',
    summary: 'List the events of a task',
    description: 'The whole history in order, each event as the log has it.',
    role: 'viewer',
    returns: { 200: { description: 'The history', schema: TaskEvents, example: examples.events } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable'],
  })
  async events(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: AtQuery }) { at }: AtQuery,
  ): Promise<TaskEvents> {
    return {
      items: await (at === undefined ? this.reader.events(taskId) : this.past.events(taskId, at)),
    };
  }

  @Get(':task_id/diff')
  @Endpoint({
    operationId: 'diffTasks',
    summary: 'Compare two runs',
    description:
      'Steps and checkpoints of both by name, with their outputs and times, and what differs of parameters, attempts and result. Made for a task and a branch of it.',
    role: 'viewer',
    returns: { 200: { description: 'What differs', schema: TaskDiff, example: examples.diff } },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  diff(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: DiffQuery }) query: DiffQuery,
  ): Promise<TaskDiff> {
    return this.diffs.diff(taskId, query.with);
  }
}
