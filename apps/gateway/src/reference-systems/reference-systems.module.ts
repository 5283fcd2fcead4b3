import { Module } from '@nestjs/common';
import { CleanupModule } from '../cleanup/cleanup.module.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { TaskExecutorController } from './task-executor.controller.js';
import { UnifiedQueueController } from './unified-queue.controller.js';

/** The paths of the systems that Millrace takes the place of: other names of the same handlers. */
@Module({
  imports: [CleanupModule, MetricsModule, TasksModule],
  controllers: [UnifiedQueueController, TaskExecutorController],
})
export class ReferenceSystemsModule {}
