import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TaskLog } from '@millrace/log';
import type { TaskTotals } from '@millrace/read-model';
import { BoundedChildren, Telemetry } from '@millrace/runtime';
import type { MetricName, Reading } from '@millrace/runtime';
import type { FastifyInstance } from 'fastify';
import { Archive } from '../archive/archive.js';
import type { GatewayConfig } from '../config.js';
import { CONFIG } from '../gateway.constants.js';
import { LogWatch } from '../log/log-watch.js';
import { AnswerTimes } from './answer-times.js';
import { kept } from './kept.js';

/** Whoever asks more often is told the same: Postgres must not pay for it. */
const KEPT_MS = 5_000;
/** Queues and task names with counters of their own. */
const NAMES_AT_MOST = 500;

const COUNTERS = {
  submitted: 'millrace_tasks_submitted_total',
  started: 'millrace_tasks_started_total',
  succeeded: 'millrace_tasks_succeeded_total',
  failed: 'millrace_tasks_failed_total',
  retried: 'millrace_tasks_retried_total',
  cancelled: 'millrace_tasks_cancelled_total',
  lost: 'millrace_tasks_lost_total',
} as const satisfies Record<Exclude<keyof TaskTotals, 'queue' | 'name'>, MetricName>;

/** `GET /metrics`: what this process and the whole system tell Prometheus. */
@Injectable()
export class GatewayTelemetry {
  readonly #telemetry = new Telemetry('gateway');
  readonly #answers = new AnswerTimes();
  /** Stays what it was, so that no counter ever falls. */
  readonly #names = new BoundedChildren(NAMES_AT_MOST, (place) => place);

  constructor(
    host: HttpAdapterHost,
    private readonly log: TaskLog,
    private readonly watch: LogWatch,
    private readonly archive: Archive,
    @Inject(CONFIG) config: GatewayConfig,
  ) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    this.#answers.watch(fastify);
    this.#tellOfTheLog();
    this.#tellOfTheReadModel();
    const role = config.MILLRACE_METRICS_AUTH === 'off' ? 'anyone' : 'viewer';
    fastify.get('/metrics', { config: { role } }, async (_request, reply) => {
      reply.header('content-type', this.#telemetry.contentType);
      return this.#telemetry.text();
    });
  }

  #tellOfTheLog(): void {
    const { buckets } = this.log;
    this.#telemetry.addDurations('millrace_http_request_duration_seconds', () => this.#answers.read());
    this.#telemetry.add('millrace_log_connected', () => [{ value: Number(this.log.connected) }]);
    this.#telemetry.add('millrace_log_store_usage_ratio', () => [{ value: this.watch.usage }]);
    this.#telemetry.add('millrace_workers', async () => {
      const workers = await buckets.workers.entries();
      return countedBy(
        workers.map(({ value: { status } }) => ({ status })),
        [{ status: 'active' }, { status: 'draining' }],
      );
    });
    this.#telemetry.add('millrace_alerts_open', async () => {
      const alerts = await buckets.alerts.entries();
      return countedBy(
        alerts.flatMap(({ value: { rule, severity } }) => (severity ? [{ rule, severity }] : [])),
      );
    });
  }

  #tellOfTheReadModel(): void {
    const totals = kept(KEPT_MS, () => this.archive.totals.totals());
    for (const [counter, name] of Object.entries(COUNTERS) as [keyof typeof COUNTERS, MetricName][])
      this.#telemetry.add(name, async () => this.#summed(await totals(), counter));
    const numbers = kept(KEPT_MS, async () => {
      const queues = await this.log.buckets.queues.entries();
      return this.archive.queues.numbers(queues.map(({ key }) => key));
    });
    type Numbers = Awaited<ReturnType<typeof numbers>>[number];
    const ofQueues = (name: MetricName, valueOf: (queue: Numbers) => number): void => {
      this.#telemetry.add(name, async () =>
        (await numbers()).map((queue) => ({ value: valueOf(queue), labels: { queue: queue.queue } })),
      );
    };
    ofQueues('millrace_queue_depth', ({ lanes, held }) =>
      Object.values(lanes).reduce((sum, tasks) => sum + tasks, held),
    );
    ofQueues('millrace_queue_scheduled', ({ scheduled }) => scheduled);
    ofQueues('millrace_queue_running', ({ running }) => running);
    ofQueues('millrace_queue_oldest_wait_seconds', ({ oldest_wait_since: since }) =>
      since === null ? 0 : Math.max(0, (Date.now() - Date.parse(since)) / 1_000),
    );
    this.#telemetry.add('millrace_projection_lag_seconds', async () => {
      const { lag_ms } = await this.archive.tasks.projection();
      return lag_ms === null ? [] : [{ value: lag_ms / 1_000 }];
    });
  }

  /** Beyond the limit of names all are one. */
  #summed(totals: readonly TaskTotals[], counter: keyof typeof COUNTERS): Reading[] {
    const sums = new Map<string, number>();
    for (const { queue, name, ...counts } of totals) {
      const place = this.#names.of(`${queue} ${name}`);
      sums.set(place, (sums.get(place) ?? 0) + counts[counter]);
    }
    return [...sums].map(([place, value]) => {
      const [queue = place, task_name = place] = place.split(' ');
      return { value, labels: { queue, task_name } };
    });
  }
}

/** How often each of the labels is there; those of the start also when they are not. */
function countedBy(all: Record<string, string>[], start: Record<string, string>[] = []): Reading[] {
  const counts = new Map(start.map((labels) => [JSON.stringify(labels), { labels, value: 0 }]));
  for (const labels of all) {
    const key = JSON.stringify(labels);
    const { value } = counts.get(key) ?? { value: 0 };
    counts.set(key, { labels, value: value + 1 });
  }
  return [...counts.values()];
}
