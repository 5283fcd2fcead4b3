import { Body, Controller, HttpCode, HttpStatus, Param, Post, Put } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { QueueDefinitions } from './queue-definitions.service.js';
import { queueExamples } from './queue-examples.js';
import { QueuePauses } from './queue-pauses.service.js';
import { DefineQueue } from './queue-settings.schema.js';
import { PauseQueue, QueueCommandDone, QueueDefinition, QueueName } from './queues.schema.js';

@ApiTags('Queues')
@Controller('queues')
export class QueueCommandsController {
  constructor(
    private readonly definitions: QueueDefinitions,
    private readonly pauses: QueuePauses,
  ) {}

  @Put(':queue')
  @Endpoint({
    operationId: 'defineQueue',
    summary: 'Define a queue',
    description:
      'Replaces all settings: what is left out has its default again. Defines the queue if it is new. Defaults are those of submissions from now on; limits hold at once. Whether it is paused stays as it is.',
    role: 'operator',
    returns: {
      200: {
        description: 'The queue as it is now',
        schema: QueueDefinition,
        example: queueExamples.definition,
      },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'request/unsupported-media-type',
      'queue/route-taken',
      'queue/contended',
      'log/unavailable',
    ],
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/DefineQueue' },
    examples: { settings: { value: queueExamples.settings } },
  })
  define(
    @Param('queue', { schema: QueueName }) queue: string,
    @Body({ schema: DefineQueue }) body: DefineQueue,
    @By() by: Origin,
  ): Promise<QueueDefinition> {
    return this.definitions.define(queue, body, by);
  }

  @Post(':queue/pause')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'pauseQueue',
    summary: 'Pause a queue',
    description:
      'No task of it starts until it is resumed, whatever is restarted; what runs goes on, and what is submitted waits. Tasks of dead workers wait, too. Answered once the broker delivers nothing more.',
    role: 'operator',
    returns: {
      200: {
        description: 'It is paused, now or before',
        schema: QueueCommandDone,
        example: queueExamples.paused,
      },
    },
    errors: ['request/invalid', 'request/malformed', 'queue/not-found', 'queue/contended', 'log/unavailable'],
  })
  pause(
    @Param('queue', { schema: QueueName }) queue: string,
    @Body({ schema: PauseQueue }) { reason }: PauseQueue,
    @By() by: Origin,
  ): Promise<QueueCommandDone> {
    return this.pauses.pause(queue, reason, by);
  }

  @Post(':queue/resume')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'resumeQueue',
    summary: 'Resume a queue',
    description: 'Its tasks start again. Answered once the workers were told.',
    role: 'operator',
    returns: {
      200: { description: 'It is not paused', schema: QueueCommandDone, example: queueExamples.resumed },
    },
    errors: ['request/invalid', 'queue/not-found', 'queue/contended', 'log/unavailable'],
  })
  resume(@Param('queue', { schema: QueueName }) queue: string, @By() by: Origin): Promise<QueueCommandDone> {
    return this.pauses.resume(queue, by);
  }
}
