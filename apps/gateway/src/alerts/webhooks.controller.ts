import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import {
  DefineWebhook,
  DefinedWebhook,
  WebhookList,
  WebhookName,
  webhookExamples,
} from './webhooks.schema.js';
import { Webhooks } from './webhooks.service.js';

@ApiTags('Alerts')
@Controller('webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: Webhooks) {}

  @Get()
  @Endpoint({
    operationId: 'listWebhooks',
    summary: 'List the webhooks',
    description: 'Without their secrets.',
    role: 'admin',
    returns: { 200: { description: 'The webhooks', schema: WebhookList, example: webhookExamples.list } },
    errors: ['log/unavailable'],
  })
  async list(): Promise<WebhookList> {
    return { items: await this.webhooks.list() };
  }

  @Put(':name')
  @Endpoint({
    operationId: 'defineWebhook',
    summary: 'Make or change a webhook',
    description:
      'Is sent every transition of an alert, as a POST signed with the secret, by a task of the queue millrace that is retried for hours. A worker must serve that queue.',
    role: 'admin',
    returns: {
      200: { description: 'The webhook', schema: DefinedWebhook, example: webhookExamples.defined },
    },
    errors: ['request/invalid', 'request/malformed', 'log/unavailable'],
  })
  define(
    @Param('name', { schema: WebhookName }) name: string,
    @Body({ schema: DefineWebhook }) webhook: DefineWebhook,
    @By() by: Origin,
  ): Promise<DefinedWebhook> {
    return this.webhooks.define(name, webhook, by);
  }

  @Delete(':name')
  @HttpCode(HttpStatus.NO_CONTENT)
  @Endpoint({
    operationId: 'deleteWebhook',
    summary: 'Delete a webhook',
    description: 'What is still to be sent to it is not sent.',
    role: 'admin',
    returns: { 204: { description: 'The webhook is gone', schema: z.undefined(), example: {} } },
    errors: ['request/invalid', 'webhook/not-found', 'log/unavailable'],
  })
  delete(@Param('name', { schema: WebhookName }) name: string, @By() by: Origin): Promise<void> {
    return this.webhooks.delete(name, by);
  }
}
