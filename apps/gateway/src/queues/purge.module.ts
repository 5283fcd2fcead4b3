import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { PurgeController } from './purge.controller.js';
import { Purge } from './purge.service.js';

@Module({
  imports: [ArchiveModule, LogModule, OperationsModule, TasksModule],
  controllers: [PurgeController],
  providers: [Purge],
})
export class PurgeModule {}
