import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Endpoint } from '../http/endpoint.decorator.js';
import { AtQuery } from '../tasks/list-tasks.schema.js';
import { PastQueue, PastQueueList } from './past-queues.schema.js';
import { PastQueues } from './past-queues.service.js';
import { queueExamples } from './queue-examples.js';
import { QueueReader } from './queue-reader.service.js';
import { ListPending, PendingList, QueueList, QueueName, QueueView } from './queues.schema.js';

@ApiTags('Queues')
@Controller('queues')
export class QueuesController {
  constructor(
    private readonly queues: QueueReader,
    private readonly past: PastQueues,
  ) {}

  @Get()
  @Endpoint({
    operationId: 'listQueues',
    summary: 'List the queues',
    description:
      'Every queue with its settings, its pause, who serves it, and how much waits and runs. The numbers are from Postgres: without it the answer is 503. With `at`, how many tasks of each queue were in which status then.',
    role: 'viewer',
    returns: {
      200: {
        description: 'The queues',
        schema: z.union([QueueList, PastQueueList]),
        example: queueExamples.list,
      },
    },
    errors: ['request/invalid', 'log/unavailable', 'archive/unavailable', 'archive/behind'],
  })
  async list(@Query({ schema: AtQuery }) { at }: AtQuery): Promise<QueueList | PastQueueList> {
    return at === undefined ? { items: await this.queues.list() } : { items: await this.past.list(at) };
  }

  @Get(':queue')
  @Endpoint({
    operationId: 'getQueue',
    summary: 'Get a queue',
    description:
      'A queue with all its numbers, which are from Postgres: without it the answer is 503. With `at`, how many of its tasks were in which status then.',
    role: 'viewer',
    returns: {
      200: {
        description: 'The queue',
        schema: z.union([QueueView, PastQueue]),
        example: queueExamples.queue,
      },
    },
    errors: ['request/invalid', 'queue/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  get(
    @Param('queue', { schema: QueueName }) queue: string,
    @Query({ schema: AtQuery }) { at }: AtQuery,
  ): Promise<QueueView | PastQueue> {
    return at === undefined ? this.queues.get(queue) : this.past.get(queue, at);
  }

  @Get(':queue/pending')
  @Endpoint({
    operationId: 'listPendingTasks',
    summary: 'List what waits in a queue',
    description:
      'Waiting tasks in the order in which they will start, keyset pages: first those that wait for their turn, lane by lane, then those that wait for a slot. Positions count on from page to page; what started between two pages is not taken off. Where limits of keys or fairness choose among the held ones when a slot is free, their position is null. Tasks that wait for a time are not here: GET /tasks?status=PENDING,RETRY lists them, too.',
    role: 'viewer',
    returns: { 200: { description: 'A page', schema: PendingList, example: queueExamples.pending } },
    errors: ['request/invalid', 'queue/not-found', 'log/unavailable', 'archive/unavailable'],
  })
  pending(
    @Param('queue', { schema: QueueName }) queue: string,
    @Query({ schema: ListPending }) query: ListPending,
  ): Promise<PendingList> {
    return this.queues.pending(queue, query);
  }
}
