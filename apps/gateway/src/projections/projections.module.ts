import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { ProjectionsController } from './projections.controller.js';
import { Projections } from './projections.service.js';
import { Rebuilds } from './rebuilds.service.js';

@Module({
  imports: [LogModule, ArchiveModule],
  controllers: [ProjectionsController],
  providers: [Projections, Rebuilds],
})
export class ProjectionsModule {}
