import { Body, Controller, Get, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { CleanUp, CleanupDone, CleanupRuns } from './cleanup.schema.js';
import { Cleanups } from './cleanup.service.js';
import { cleanupExamples } from './examples.js';

@ApiTags('Tasks')
@Controller('tasks/cleanup')
export class CleanupController {
  constructor(private readonly cleanups: Cleanups) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'cleanUpTasks',
    summary: 'Clean up ended tasks now',
    description:
      'Lets go of tasks whose retention is over, as the scheduler does each hour: their parameters, results, errors and temporary files. Their names, ends and events stay.',
    role: 'operator',
    returns: {
      200: {
        description: 'What was cleaned up, or would be',
        schema: CleanupDone,
        example: cleanupExamples.done,
      },
    },
    errors: [
      'request/invalid',
      'scheduler/unavailable',
      'archive/unavailable',
      'archive/behind',
      'log/unavailable',
    ],
    serialize: true,
  })
  run(@Body({ schema: CleanUp }) body: CleanUp, @By() by: Origin): Promise<CleanupDone> {
    return this.cleanups.run(body, by);
  }

  @Get()
  @Endpoint({
    operationId: 'listCleanups',
    summary: 'List the last clean-ups',
    description: 'The runs of the last 7 days, and their sums.',
    role: 'viewer',
    returns: { 200: { description: 'The runs', schema: CleanupRuns, example: cleanupExamples.runs } },
    errors: ['log/unavailable'],
    serialize: true,
  })
  runs(): Promise<CleanupRuns> {
    return this.cleanups.runs();
  }
}
