import { Module } from '@nestjs/common';
import { LogModule } from '../log/log.module.js';
import { HandlerCatalogue } from './handler-catalogue.js';
import { HandlersController } from './handlers.controller.js';
import { QueueCatalogue } from './queue-catalogue.js';

@Module({
  imports: [LogModule],
  controllers: [HandlersController],
  providers: [HandlerCatalogue, QueueCatalogue],
  exports: [HandlerCatalogue, QueueCatalogue],
})
export class HandlersModule {}
