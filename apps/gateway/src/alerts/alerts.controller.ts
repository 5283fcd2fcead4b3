import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { AlertList, ListAlerts, alertExamples } from './alerts.schema.js';
import { AlertLists } from './alerts.service.js';

@ApiTags('Alerts')
@Controller('alerts')
export class AlertsController {
  constructor(private readonly alerts: AlertLists) {}

  @Get()
  @Endpoint({
    operationId: 'listAlerts',
    summary: 'List the alerts',
    description:
      'What is wrong now, the worst first, and what was. Postgres is not asked. The rules stand in GET /alert-rules.',
    role: 'viewer',
    returns: { 200: { description: 'The alerts', schema: AlertList, example: alertExamples.list } },
    errors: ['request/invalid', 'log/unavailable'],
  })
  list(@Query({ schema: ListAlerts }) query: ListAlerts): Promise<AlertList> {
    return this.alerts.list(query);
  }
}
