import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import {
  AlertRuleList,
  AlertRuleView,
  DefineAlertRule,
  DefineAlertRules,
  EvaluateAlertRule,
  RuleName,
  WouldBeAlerts,
  alertRuleExamples,
} from './alert-rules.schema.js';
import { AlertRules } from './alert-rules.service.js';
import { AlertTrials } from './alert-trials.service.js';

@ApiTags('Alerts')
@Controller('alert-rules')
export class AlertRulesController {
  constructor(
    private readonly rules: AlertRules,
    private readonly trials: AlertTrials,
  ) {}

  @Get()
  @Endpoint({
    operationId: 'listAlertRules',
    summary: 'List the alert rules',
    description: 'The default rules, with what was written over and beside them, by name.',
    role: 'viewer',
    returns: { 200: { description: 'The rules', schema: AlertRuleList, example: alertRuleExamples.list } },
    errors: ['log/unavailable'],
  })
  async list(): Promise<AlertRuleList> {
    return { items: await this.rules.list() };
  }

  @Put()
  @Endpoint({
    operationId: 'defineAlertRules',
    summary: 'Write some alert rules',
    description: 'Each as PUT /alert-rules/{name} does, in their order; rules that are not named stay.',
    role: 'admin',
    returns: {
      200: { description: 'All rules', schema: AlertRuleList, example: alertRuleExamples.list },
    },
    errors: ['request/invalid', 'request/malformed', 'log/unavailable'],
  })
  async defineAll(
    @Body({ schema: DefineAlertRules }) { items }: DefineAlertRules,
    @By() by: Origin,
  ): Promise<AlertRuleList> {
    for (const { name, rule } of items) await this.rules.define(name, rule, by);
    return this.list();
  }

  @Put(':name')
  @Endpoint({
    operationId: 'defineAlertRule',
    summary: 'Write an alert rule',
    description:
      'Over a default rule of this name, or a new one. What is left out is as in the default rule, the thresholds apart. Open alerts follow at the next look of the scheduler.',
    role: 'admin',
    returns: { 200: { description: 'The rule', schema: AlertRuleView, example: alertRuleExamples.rule } },
    errors: ['request/invalid', 'request/malformed', 'log/unavailable'],
  })
  define(
    @Param('name', { schema: RuleName }) name: string,
    @Body({ schema: DefineAlertRule }) rule: DefineAlertRule,
    @By() by: Origin,
  ): Promise<AlertRuleView> {
    return this.rules.define(name, rule, by);
  }

  @Delete(':name')
  @HttpCode(HttpStatus.NO_CONTENT)
  @Endpoint({
    operationId: 'resetAlertRule',
    summary: 'Take an alert rule back',
    description:
      'A default rule holds again as it came; a rule of your own is gone, and its open alerts are resolved. To switch a default rule off, write it with enabled: false.',
    role: 'admin',
    returns: { 204: { description: 'It is', schema: z.undefined(), example: {} } },
    errors: ['request/invalid', 'alert-rule/not-found', 'log/unavailable'],
  })
  reset(@Param('name', { schema: RuleName }) name: string, @By() by: Origin): Promise<void> {
    return this.rules.reset(name, by);
  }

  @Post(':name/evaluate')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'evaluateAlertRule',
    summary: 'Try an alert rule on the past',
    description:
      'Which alerts the rule, or the one that is given, would have raised between two times: at most 92 days: by minutes where these are kept (48 hours by default), else by hours (90 days), else by days. For failure_rate, dead_letters and queue_depth; task_duration and oldest_wait, which come from single facts, by minutes for 7 days at most. Of other metrics no past is kept.',
    role: 'viewer',
    returns: {
      200: {
        description: 'What would have been',
        schema: WouldBeAlerts,
        example: alertRuleExamples.wouldBe,
      },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'alert-rule/not-found',
      'alert-rule/not-kept',
      'log/unavailable',
      'archive/unavailable',
    ],
  })
  evaluate(
    @Param('name', { schema: RuleName }) name: string,
    @Body({ schema: EvaluateAlertRule }) trial: EvaluateAlertRule,
  ): Promise<WouldBeAlerts> {
    return this.trials.evaluate(name, trial);
  }
}
