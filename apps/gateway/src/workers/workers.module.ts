import { Module } from '@nestjs/common';
import { LogModule } from '../log/log.module.js';
import { WorkersController } from './workers.controller.js';
import { Workers } from './workers.service.js';

@Module({ imports: [LogModule], controllers: [WorkersController], providers: [Workers], exports: [Workers] })
export class WorkersModule {}
