import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { AlertRulesController } from './alert-rules.controller.js';
import { AlertRules } from './alert-rules.service.js';
import { AlertTrials } from './alert-trials.service.js';
import { AlertsController } from './alerts.controller.js';
import { AlertLists } from './alerts.service.js';
import { WebhooksController } from './webhooks.controller.js';
import { Webhooks } from './webhooks.service.js';

@Module({
  imports: [LogModule, ArchiveModule],
  controllers: [AlertsController, AlertRulesController, WebhooksController],
  providers: [AlertLists, AlertRules, AlertTrials, Webhooks],
  exports: [AlertRules],
})
export class AlertsModule {}
