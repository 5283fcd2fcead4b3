import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { HealthController } from './health.controller.js';
import { Health } from './health.service.js';

@Module({ imports: [LogModule, ArchiveModule], controllers: [HealthController], providers: [Health] })
export class HealthModule {}
