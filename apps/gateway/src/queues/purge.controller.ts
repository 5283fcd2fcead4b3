import { Body, Controller, HttpCode, HttpStatus, Param, Post, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Gone } from '../http/gone.decorator.js';
import { Operation, operationExamples } from '../operations/operations.schema.js';
import { Name } from '../tasks/submit-task.schema.js';
import { PurgeQueue, PurgedQueue, purged } from './purge.schema.js';
import { Purge, purgedOf } from './purge.service.js';

@ApiTags('Queues')
@Controller('queues/:queue/purge')
export class PurgeController {
  constructor(private readonly purge: Purge) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'purgeQueue',
    summary: 'Cancel all waiting tasks of a queue',
    description:
      'Whatever was submitted before and waits, in a lane, for a time, a slot or a signal. What runs or is paused goes on as it is. It can be undone for a while. Answers when it is through; when the client goes away, nothing more is begun. With `background` it answers at once.',
    role: 'operator',
    returns: {
      200: { description: 'What was done', schema: PurgedQueue, example: purged },
      202: {
        description: 'It has begun',
        schema: Operation,
        example: { ...operationExamples.one, action: 'purge' },
      },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'queue/not-found',
      'operation/too-many',
      'log/unavailable',
      'archive/behind',
      'archive/unavailable',
    ],
  })
  async run(
    @Param('queue', { schema: Name }) queue: string,
    @Body({ schema: PurgeQueue }) { background }: PurgeQueue,
    @By() by: Origin,
    @Gone() gone: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PurgedQueue | Operation> {
    const { operation, ended } = await this.purge.start(queue, by, background ? undefined : gone);
    if (!background) return purgedOf(await ended);
    reply.status(HttpStatus.ACCEPTED);
    return operation;
  }
}
