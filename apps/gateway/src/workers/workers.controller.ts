import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { ListWorkers, WorkerId, WorkerList, WorkerView, workerExamples } from './workers.schema.js';
import { Workers } from './workers.service.js';

@ApiTags('Workers')
@Controller('workers')
export class WorkersController {
  constructor(private readonly workers: Workers) {}

  @Get()
  @Endpoint({
    operationId: 'listWorkers',
    summary: 'List the workers',
    description:
      'Every worker process that has given a sign of life in the last 15 seconds, as it described itself then. Postgres is not asked.',
    role: 'viewer',
    returns: { 200: { description: 'The workers', schema: WorkerList, example: workerExamples.list } },
    errors: ['request/invalid', 'log/unavailable'],
  })
  async list(@Query({ schema: ListWorkers }) query: ListWorkers): Promise<WorkerList> {
    return { items: await this.workers.list(query) };
  }

  @Get(':worker_id')
  @Endpoint({
    operationId: 'getWorker',
    summary: 'Get a worker',
    description: 'What a worker is, what it runs, and what has become of its tasks since its start.',
    role: 'viewer',
    returns: { 200: { description: 'The worker', schema: WorkerView, example: workerExamples.one } },
    errors: ['request/invalid', 'worker/not-found', 'log/unavailable'],
  })
  get(@Param('worker_id', { schema: WorkerId }) workerId: string): Promise<WorkerView> {
    return this.workers.get(workerId);
  }
}
