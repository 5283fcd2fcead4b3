import { Module } from '@nestjs/common';
import { LogModule } from '../log/log.module.js';
import { HandlerCatalogue } from './handler-catalogue.js';
import { HandlersController } from './handlers.controller.js';

@Module({
  imports: [LogModule],
  controllers: [HandlersController],
  providers: [HandlerCatalogue],
  exports: [HandlerCatalogue],
})
export class HandlersModule {}
