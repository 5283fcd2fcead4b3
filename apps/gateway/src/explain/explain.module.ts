import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { ExplainController } from './explain.controller.js';
import { Histories } from './histories.service.js';
import { Situations } from './situations.service.js';
import { SlotUses } from './slot-uses.service.js';

@Module({
  imports: [LogModule, ArchiveModule, TasksModule],
  controllers: [ExplainController],
  providers: [Situations, Histories, SlotUses],
})
export class ExplainModule {}
