import { Body, Controller, Headers, HttpCode, HttpStatus, Post, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { BulkSubmissions } from './bulk-submissions.service.js';
import { examples } from './examples.js';
import { keyed } from './idempotency-key.js';
import { Submissions } from './submissions.service.js';
import { SubmitTask, SubmitTasks, SubmittedTask, SubmittedTasks } from './submit-task.schema.js';

const BULK_BYTES = 64 * 1024 * 1024;

@ApiTags('Tasks')
@Controller('tasks')
export class SubmissionsController {
  constructor(
    private readonly submissions: Submissions,
    private readonly bulk: BulkSubmissions,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'submitTask',
    summary: 'Submit a task',
    description:
      'Answers once the log has the task: nothing accepted is ever lost. The same task_id, or the same unique_key (or Idempotency-Key) in the same queue, is one task: whoever comes later is answered 200 with the first one, whatever else they send. With unique, a key is taken for a shorter time, or whoever comes later replaces what has not started.',
    role: 'operator',
    submits: true,
    target: { type: 'task', field: 'task_id' },
    returns: {
      202: { description: 'The task is in the log', schema: SubmittedTask, example: examples.submitted },
      200: {
        description: 'The task was submitted before; replaced says whether it is now what was asked for here',
        schema: SubmittedTask,
        example: { ...examples.submitted, duplicate: true },
      },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'request/too-large',
      'request/unsupported-media-type',
      'task/unknown-name',
      'task/unknown-queue',
      'task/invalid-parameters',
      'task/too-large',
      'task/contended',
      'queue/full',
      'log/unavailable',
      'log/store-full',
      'gateway/overloaded',
    ],
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/SubmitTask' },
    examples: {
      task: { value: examples.submission },
      debounced: { value: examples.debounced },
      'once at a time': { value: examples.onceAtATime },
    },
  })
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'The same as unique_key in the body.' })
  async submit(
    @Body({ schema: SubmitTask }) body: SubmitTask,
    @Headers('idempotency-key') key: string | undefined,
    @By() by: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubmittedTask> {
    await this.submissions.open();
    const submitted = await this.submissions.submit(keyed(body, key), by);
    reply.status(submitted.duplicate ? HttpStatus.OK : HttpStatus.ACCEPTED);
    reply.header('location', `/api/v1/tasks/${submitted.task_id}`);
    return submitted;
  }

  @Post('bulk')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'submitTasks',
    summary: 'Submit up to 1000 tasks',
    description:
      'Each entry is judged by itself: a bad one is answered with its error, in its place, and does not refuse the others. Entries carry their own unique_key; the header Idempotency-Key is refused.',
    role: 'operator',
    submits: true,
    bodyLimit: BULK_BYTES,
    returns: {
      202: {
        description: 'What became of each entry, in the order given',
        schema: SubmittedTasks,
        example: examples.submittedTasks,
      },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'request/too-large',
      'request/unsupported-media-type',
      'log/unavailable',
      'log/store-full',
      'gateway/overloaded',
    ],
  })
  @ApiBody({
    schema: { $ref: '#/components/schemas/SubmitTasks' },
    examples: { tasks: { value: { tasks: [examples.submission] } } },
  })
  async submitAll(
    @Body({ schema: SubmitTasks }) { tasks }: SubmitTasks,
    @Headers('idempotency-key') key: string | undefined,
    @By() by: Origin,
  ): Promise<SubmittedTasks> {
    await this.submissions.open();
    return this.bulk.submit(tasks, key, by);
  }
}
