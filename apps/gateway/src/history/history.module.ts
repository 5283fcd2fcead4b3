import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { HistoryController } from './history.controller.js';
import { History } from './history.service.js';

@Module({ imports: [ArchiveModule, TasksModule], controllers: [HistoryController], providers: [History] })
export class HistoryModule {}
