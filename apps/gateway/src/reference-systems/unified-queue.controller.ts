import { Body, Controller, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { CleanUp, CleanupDone } from '../cleanup/cleanup.schema.js';
import { Cleanups } from '../cleanup/cleanup.service.js';
import { cleanupExamples } from '../cleanup/examples.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { examples } from '../tasks/examples.js';
import { TaskId } from '../tasks/submit-task.schema.js';
import { CommandDone } from '../tasks/task-commands.schema.js';
import { TaskCommands } from '../tasks/task-commands.service.js';
import { MovedTask, ReorderTask } from '../tasks/task-moves.schema.js';
import { TaskMoves } from '../tasks/task-moves.service.js';

/** Where clients of a "unified queue" look for resume, reorder and cleanup. */
@ApiTags('Reference systems')
@Controller('api/unified-queue/tasks')
export class UnifiedQueueController {
  constructor(
    private readonly commands: TaskCommands,
    private readonly moves: TaskMoves,
    private readonly cleanups: Cleanups,
  ) {}

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'resumeUnifiedQueueTask',
    summary: 'Resume a paused or failed task',
    description: 'The same as POST /api/v1/tasks/{task_id}/resume.',
    role: 'operator',
    returns: { 200: { description: 'The task is ready', schema: CommandDone, example: examples.resumed } },
    errors: ['request/invalid', 'task/not-found', 'task/not-resumable', 'task/contended', 'log/unavailable'],
    serialize: true,
  })
  resume(@Param('id', { schema: TaskId }) taskId: string, @By() by: Origin): Promise<CommandDone> {
    return this.commands.resume(taskId, by);
  }

  @Post(':id/reorder')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'reorderUnifiedQueueTask',
    summary: 'Move a waiting task to a place in its queue',
    description: 'The same as POST /api/v1/tasks/{task_id}/reorder. Position 0 runs next.',
    role: 'operator',
    returns: {
      200: { description: 'The task has its place', schema: MovedTask, example: examples.reordered },
    },
    errors: [
      'request/invalid',
      'task/not-found',
      'task/not-waiting',
      'log/unavailable',
      'scheduler/unavailable',
    ],
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/ReorderTask' },
    examples: { next: { value: examples.reorder } },
  })
  reorder(
    @Param('id', { schema: TaskId }) taskId: string,
    @Body({ schema: ReorderTask }) body: ReorderTask,
    @By() by: Origin,
  ): Promise<MovedTask> {
    return this.moves.reorder(taskId, body, by);
  }

  @Post('cleanup')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'cleanUpUnifiedQueue',
    summary: 'Clean up ended tasks now',
    description: 'The same as POST /api/v1/tasks/cleanup.',
    role: 'operator',
    returns: {
      200: { description: 'What was cleaned up', schema: CleanupDone, example: cleanupExamples.done },
    },
    errors: ['request/invalid', 'scheduler/unavailable', 'archive/unavailable', 'log/unavailable'],
    serialize: true,
  })
  cleanUp(@Body({ schema: CleanUp }) body: CleanUp, @By() by: Origin): Promise<CleanupDone> {
    return this.cleanups.run(body, by);
  }
}
