import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { PurgeController } from './purge.controller.js';
import { Purge } from './purge.service.js';

@Module({ imports: [OperationsModule, TasksModule], controllers: [PurgeController], providers: [Purge] })
export class PurgeModule {}
