import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { NATS_URL, WebhookHandler } from './webhook.handler.js';

/** Lets a worker tell webhooks of alerts. */
@Module({})
export class WebhooksModule {
  static with(natsUrl: string): DynamicModule {
    return {
      module: WebhooksModule,
      providers: [{ provide: NATS_URL, useValue: natsUrl }, WebhookHandler],
    };
  }
}
