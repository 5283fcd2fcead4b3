import { Controller, Get, Param, Query } from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { TaskId } from '../tasks/submit-task.schema.js';
import {
  ExportEvents,
  ExportedEvent,
  FailureList,
  ListFailures,
  TaskAttemptList,
  historyExamples,
} from './history.schema.js';
import { History } from './history.service.js';
import { ndjson } from './ndjson.js';

const LINES = { description: 'A line for each event', schema: ExportedEvent, example: historyExamples.event };

@ApiTags('History')
@Controller()
export class HistoryController {
  constructor(private readonly history: History) {}

  @Get('tasks/:task_id/attempts')
  @Endpoint({
    operationId: 'listTaskAttempts',
    summary: 'List the attempts at a task',
    description:
      'Each with its worker, its times, how it ended, its error, and the checkpoint it went on from.',
    role: 'viewer',
    returns: {
      200: { description: 'The attempts', schema: TaskAttemptList, example: historyExamples.attempts },
    },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable'],
  })
  attempts(@Param('task_id', { schema: TaskId }) taskId: string): Promise<TaskAttemptList> {
    return this.history.attempts(taskId);
  }

  @Get('failures')
  @Endpoint({
    operationId: 'listFailures',
    summary: 'List what fails',
    description:
      'Failed attempts by kind: the same handler, class of error and message, but for numbers, ids and quoted texts. The kind that failed last comes first.',
    role: 'viewer',
    returns: { 200: { description: 'One page', schema: FailureList, example: historyExamples.failures } },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  failures(@Query({ schema: ListFailures }) query: ListFailures): Promise<FailureList> {
    return this.history.failures(query);
  }

  @Get('tasks/:task_id/export')
  @ApiProduces('application/x-ndjson')
  @Endpoint({
    operationId: 'exportTask',
    summary: 'Export the events of a task',
    description: 'NDJSON: the whole history, a line for each event, in order.',
    role: 'viewer',
    returns: { 200: LINES },
    errors: ['request/invalid', 'task/not-found', 'log/unavailable'],
  })
  async exportTask(@Param('task_id', { schema: TaskId }) taskId: string): Promise<StreamableFile> {
    return ndjson(await this.history.taskLines(taskId), taskId);
  }

  @Get('export/events')
  @ApiProduces('application/x-ndjson')
  @Endpoint({
    operationId: 'exportEvents',
    summary: 'Export the events of a span of time',
    description:
      'NDJSON from the archive: a line for each event, in the order of the log, read as it is sent.',
    role: 'viewer',
    returns: { 200: LINES },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  async exportEvents(@Query({ schema: ExportEvents }) query: ExportEvents): Promise<StreamableFile> {
    return ndjson(await this.history.eventLines(query), 'events');
  }
}
