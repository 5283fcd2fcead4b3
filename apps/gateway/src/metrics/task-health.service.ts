import { Injectable } from '@nestjs/common';
import { findingsOf, healthRules } from '@millrace/domain';
import type { HealthFinding, HealthMetric, HealthRule } from '@millrace/domain';
import { AlertRules } from '../alerts/alert-rules.service.js';
import { Archive } from '../archive/archive.js';
import { Workers } from '../workers/workers.service.js';
import { sumOf } from './figures.js';
import { HealthLook } from './health-look.js';
import type { HealthAlert, HealthQuery, TaskHealth } from './metrics.schema.js';
import { rates } from './task-metrics.service.js';
import { secondsOf } from './window.schema.js';

const DEFAULT_WINDOW = '1h';

/** What is wrong at this moment, judged by the alert rules in force. */
@Injectable()
export class TaskHealthReader {
  constructor(
    private readonly rules: AlertRules,
    private readonly archive: Archive,
    private readonly workers: Workers,
  ) {}

  async read({ window }: HealthQuery): Promise<TaskHealth> {
    const rules = healthRules(await this.rules.written()).map((rule) => over(window, rule));
    const look = new HealthLook(this.archive, this.workers, Date.now());
    const [groups, ...found] = await Promise.all([
      look.happened(secondsOf(window ?? DEFAULT_WINDOW)),
      ...rules.map(async (rule) => findingsOf(rule, await look.samples(rule))),
    ]);
    const alerts = found.flat().map(alertOf);
    alerts.sort((a, b) => Number(b.severity === 'critical') - Number(a.severity === 'critical'));
    return {
      status: alerts[0]?.severity ?? 'healthy',
      metrics: rates(sumOf(groups)),
      alerts,
      timestamp: new Date(look.now).toISOString(),
    };
  }
}

/** Its message may name the window that it was written with. */
function over(window: string | undefined, rule: HealthRule): HealthRule {
  if (window === undefined || rule.metric !== 'failure_rate') return rule;
  const message = `Failure rate is {value} of {count} tasks in the last ${window}`;
  return { ...rule, window_seconds: secondsOf(window), message };
}

const NAMES: Record<HealthMetric, HealthAlert['metric']> = {
  failure_rate: 'failure_rate',
  task_duration: 'task_duration',
  memory: 'memory_usage',
};

const alertOf = ({ severity, message, metric, value, rule, scope }: HealthFinding): HealthAlert => ({
  severity,
  message,
  metric: NAMES[metric],
  value: Math.round(value * 100) / 100,
  rule,
  ...scope,
});
