import { Body, Controller, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { examples } from './examples.js';
import { TaskId } from './submit-task.schema.js';
import { CommandDone } from './task-commands.schema.js';
import {
  MovedTask,
  PrioritiseTask,
  PrioritisedTask,
  ReorderTask,
  RescheduleTask,
} from './task-moves.schema.js';
import { TaskMoves } from './task-moves.service.js';

const OF_WAITING = [
  'request/invalid',
  'task/not-found',
  'task/not-waiting',
  'task/contended',
  'log/unavailable',
  'archive/unavailable',
] as const;

@ApiTags('Tasks')
@Controller('tasks/:task_id')
export class TaskMovesController {
  constructor(private readonly moves: TaskMoves) {}

  @Post('priority')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'prioritiseTask',
    summary: 'Change the priority of a waiting task',
    description:
      'It becomes the last of its new priority; a task that a reorder placed in front goes back in line. One that waits for its time or its limit has the priority then.',
    role: 'operator',
    returns: {
      200: {
        description: 'The task has the priority, now or before',
        schema: PrioritisedTask,
        example: examples.prioritised,
      },
    },
    errors: OF_WAITING,
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/PrioritiseTask' },
    examples: { urgent: { value: { priority: 9 } } },
  })
  prioritise(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: PrioritiseTask }) { priority }: PrioritiseTask,
    @By() by: Origin,
  ): Promise<PrioritisedTask> {
    return this.moves.prioritise(taskId, priority, by);
  }

  @Post('reorder')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'reorderTask',
    summary: 'Move a waiting task to a place in its queue',
    description:
      'Position 0 runs next, ahead of every priority. Reorders of all callers are done one after the other by the scheduler; a task that waits for a delay or a retry gives up that wait.',
    role: 'operator',
    returns: {
      200: { description: 'The task has its place', schema: MovedTask, example: examples.reordered },
    },
    errors: [...OF_WAITING, 'queue/front-full', 'scheduler/unavailable'],
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/ReorderTask' },
    examples: { next: { value: examples.reorder }, back: { value: { position: 'back' } } },
  })
  reorder(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: ReorderTask }) body: ReorderTask,
    @By() by: Origin,
  ): Promise<MovedTask> {
    return this.moves.reorder(taskId, body, by);
  }

  @Post('reschedule')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'rescheduleTask',
    summary: 'Let a waiting task start later',
    description: 'The task leaves its lane, and returns to it at the time; one in the past is now.',
    role: 'operator',
    returns: {
      200: { description: 'The task waits for the time', schema: CommandDone, example: examples.rescheduled },
    },
    errors: OF_WAITING,
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/RescheduleTask' },
    examples: { at: { value: examples.reschedule }, after: { value: { delay_seconds: 3600 } } },
  })
  reschedule(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: RescheduleTask }) body: RescheduleTask,
    @By() by: Origin,
  ): Promise<CommandDone> {
    return this.moves.reschedule(taskId, body, by);
  }

  @Post('run-now')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'runTaskNow',
    summary: 'End the wait of a task for its time',
    description: 'A delayed or retrying task gets in line, as the last of its priority.',
    role: 'operator',
    returns: {
      200: {
        description: 'The task waits for nothing but its turn',
        schema: CommandDone,
        example: examples.runNow,
      },
    },
    errors: OF_WAITING,
    serialize: true,
  })
  runNow(@Param('task_id', { schema: TaskId }) taskId: string, @By() by: Origin): Promise<CommandDone> {
    return this.moves.runNow(taskId, by);
  }
}
