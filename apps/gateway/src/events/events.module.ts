import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { LogModule } from '../log/log.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { EventClients } from './event-clients.service.js';
import { EventHub } from './event-hub.service.js';
import { EventStreams } from './event-streams.service.js';
import { EventsController } from './events.controller.js';
import { MissedEvents } from './missed-events.service.js';
import { ProgressHub } from './progress-hub.service.js';
import { TaskNames } from './task-names.js';

@Module({
  imports: [LogModule, AuthModule, ArchiveModule, TasksModule],
  controllers: [EventsController],
  providers: [EventStreams, EventClients, EventHub, ProgressHub, MissedEvents, TaskNames],
})
export class EventsModule {}
