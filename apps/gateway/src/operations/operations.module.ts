import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { OperationRecords } from './operation-records.service.js';
import { OperationsController } from './operations.controller.js';
import { Operations } from './operations.service.js';
import { SwiftChanges } from './swift-changes.service.js';
import { Targets } from './targets.service.js';
import { TaskActionsController } from './task-actions.controller.js';
import { TaskActions } from './task-actions.service.js';
import { Undo } from './undo.service.js';

@Module({
  imports: [LogModule, ArchiveModule, TasksModule],
  controllers: [TaskActionsController, OperationsController],
  providers: [OperationRecords, Operations, SwiftChanges, Targets, TaskActions, Undo],
  exports: [Operations, SwiftChanges, Targets],
})
export class OperationsModule {}
