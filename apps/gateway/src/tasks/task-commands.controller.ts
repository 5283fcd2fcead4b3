import { Body, Controller, Delete, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { BranchTask, BranchedTask } from './branch-task.schema.js';
import { Branches } from './branches.service.js';
import { examples } from './examples.js';
import { TaskId } from './submit-task.schema.js';
import {
  CancelledTask,
  CommandDone,
  PauseTask,
  RetryTask,
  SendSignal,
  SentSignal,
} from './task-commands.schema.js';
import { TaskCommands } from './task-commands.service.js';
import { TaskPauses } from './task-pauses.service.js';
import { TaskSignals } from './task-signals.service.js';

const WHATEVER_STATE = ['request/invalid', 'task/not-found', 'task/contended', 'log/unavailable'] as const;

@ApiTags('Tasks')
@Controller('tasks/:task_id')
export class TaskCommandsController {
  constructor(
    private readonly commands: TaskCommands,
    private readonly pauses: TaskPauses,
    private readonly signals: TaskSignals,
    private readonly branches: Branches,
  ) {}

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
    errors: [
      ...WHATEVER_STATE,
      'task/already-succeeded',
      'task/already-failed',
      'task/already-cleaned',
      'archive/unavailable',
    ],
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
    errors: [
      ...WHATEVER_STATE,
      'task/not-retryable',
      'task/already-cleaned',
      'task/archived',
      'archive/unavailable',
    ],
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
    errors: [
      ...WHATEVER_STATE,
      'task/not-resumable',
      'task/already-cleaned',
      'task/archived',
      'archive/unavailable',
    ],
    serialize: true,
  })
  resume(@Param('task_id', { schema: TaskId }) taskId: string, @By() by: Origin): Promise<CommandDone> {
    return this.commands.resume(taskId, by);
  }

  @Post('pause')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'pauseTask',
    summary: 'Pause a task',
    description:
      'A waiting task is put aside at once. A running one is told by its signal and may save a checkpoint; after its grace it is ended, and two seconds later it is taken from a worker that does not answer. A resume goes on from the last checkpoint and the steps since.',
    role: 'operator',
    returns: {
      200: {
        description: 'The task is paused, now or before',
        schema: CommandDone,
        example: examples.paused,
      },
    },
    errors: [...WHATEVER_STATE, 'task/already-ended', 'archive/unavailable', 'gateway/stopping'],
    serialize: true,
  })
  pause(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: PauseTask }) body: PauseTask,
    @By() by: Origin,
  ): Promise<CommandDone> {
    return this.pauses.pause(taskId, body, by);
  }

  @Post('signals')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'sendSignal',
    summary: 'Send a signal to a task',
    description:
      'A run that waits for the name goes on with the payload. While none waits, the signal is kept: the next wait for its name takes it.',
    role: 'operator',
    returns: {
      202: { description: 'The signal is in the log', schema: SentSignal, example: examples.signalled },
    },
    errors: [
      'request/invalid',
      'task/not-found',
      'task/already-ended',
      'signal/too-large',
      'log/unavailable',
      'archive/unavailable',
    ],
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/SendSignal' },
    examples: { signal: { value: examples.signal } },
  })
  signal(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: SendSignal }) body: SendSignal,
    @By() by: Origin,
  ): Promise<SentSignal> {
    return this.signals.send(taskId, body, by);
  }

  @Post('branch')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'branchTask',
    summary: 'Branch a task',
    description:
      'A new task that starts from a checkpoint or step of this one, with other parameters if you like. Without any it starts from the start: a copy. The old task goes on untouched.',
    role: 'operator',
    returns: {
      202: { description: 'The new task is in the log', schema: BranchedTask, example: examples.branched },
    },
    errors: [
      'request/invalid',
      'task/not-found',
      'task/unknown-name',
      'task/unknown-queue',
      'task/invalid-parameters',
      'task/too-large',
      'task/archived',
      'task/already-cleaned',
      'log/unavailable',
      'log/store-full',
      'gateway/overloaded',
      'archive/unavailable',
    ],
    serialize: true,
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/BranchTask' },
    examples: { branch: { value: examples.branch } },
  })
  branch(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Body({ schema: BranchTask }) body: BranchTask,
    @By() by: Origin,
  ): Promise<BranchedTask> {
    return this.branches.branch(taskId, body, by);
  }
}
