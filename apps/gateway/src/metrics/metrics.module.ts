import { Module } from '@nestjs/common';
import { AlertsModule } from '../alerts/alerts.module.js';
import { ArchiveModule } from '../archive/archive.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { MetricsController } from './metrics.controller.js';
import { TaskHealthReader } from './task-health.service.js';
import { TaskMetricsReader } from './task-metrics.service.js';
import { TaskStatsReader } from './task-stats.service.js';

@Module({
  imports: [AlertsModule, ArchiveModule, WorkersModule],
  controllers: [MetricsController],
  providers: [TaskHealthReader, TaskMetricsReader, TaskStatsReader],
  exports: [TaskStatsReader],
})
export class MetricsModule {}
