import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Endpoint } from '../http/endpoint.decorator.js';
import { TaskId } from '../tasks/submit-task.schema.js';
import { eventStreamExample } from './event-examples.js';
import { EVENT_STREAM } from './event-response.js';
import { EventStreams } from './event-streams.service.js';
import { LAST_EVENT_ID, resumePoint } from './last-event-id.js';
import { EventStreamQuery, StreamedEvent, TaskStreamQuery } from './events.schema.js';

const RETURNS = {
  200: {
    description: 'Server-Sent Events, until one of the two ends it',
    schema: StreamedEvent,
    example: eventStreamExample,
    mediaType: EVENT_STREAM,
  },
};

const RESUME = {
  name: LAST_EVENT_ID,
  required: false,
  description:
    'The id of the last event that you have: what follows it is sent. A browser sends it by itself.',
};

@ApiTags('Events')
@Controller()
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  @Get('events/stream')
  @Endpoint({
    operationId: 'streamEvents',
    summary: 'Follow the events of all tasks',
    description:
      'Server-Sent Events as they are written, from now on or, with Last-Event-ID, from the event after that one, without a gap. See docs/guides/live-events.md.',
    role: 'viewer',
    returns: RETURNS,
    errors: ['request/invalid', 'events/too-many-streams', 'gateway/stopping', 'log/unavailable'],
  })
  @ApiHeader(RESUME)
  async all(
    @Query({ schema: EventStreamQuery }) query: EventStreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.streams.ofAll(query, resumePoint(lastEventId, query.last_event_id), reply);
  }

  @Get('tasks/:task_id/events/stream')
  @Endpoint({
    operationId: 'streamTaskEvents',
    summary: 'Follow the events of a task',
    description:
      'Server-Sent Events: the whole history, or what follows Last-Event-ID, and then what happens, until the client leaves or, with until=end, the task has ended. See docs/guides/live-events.md.',
    role: 'viewer',
    returns: RETURNS,
    errors: [
      'request/invalid',
      'task/not-found',
      'events/too-many-streams',
      'gateway/stopping',
      'log/unavailable',
      'archive/unavailable',
    ],
  })
  @ApiHeader(RESUME)
  async task(
    @Param('task_id', { schema: TaskId }) taskId: string,
    @Query({ schema: TaskStreamQuery }) query: TaskStreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.streams.ofTask(taskId, query, resumePoint(lastEventId, query.last_event_id), reply);
  }
}
