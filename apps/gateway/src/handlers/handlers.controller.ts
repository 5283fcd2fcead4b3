import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { HandlerCatalogue } from './handler-catalogue.js';
import { HandlerList, handlerListExample } from './handlers.schema.js';

@ApiTags('Handlers')
@Controller('handlers')
export class HandlersController {
  constructor(private readonly catalogue: HandlerCatalogue) {}

  @Get()
  @Endpoint({
    operationId: 'listHandlers',
    summary: 'List what can be submitted',
    description: 'Every task name that a worker has registered, with the JSON Schema of its parameters.',
    role: 'viewer',
    returns: { 200: { description: 'The handlers', schema: HandlerList, example: handlerListExample } },
  })
  list(): HandlerList {
    return { items: this.catalogue.all() };
  }
}
