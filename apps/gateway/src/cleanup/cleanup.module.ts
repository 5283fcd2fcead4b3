import { Module } from '@nestjs/common';
import { LogModule } from '../log/log.module.js';
import { CleanupController } from './cleanup.controller.js';
import { Cleanups } from './cleanup.service.js';

@Module({
  imports: [LogModule],
  controllers: [CleanupController],
  providers: [Cleanups],
  exports: [Cleanups],
})
export class CleanupModule {}
