import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { AtQuery } from '../tasks/list-tasks.schema.js';
import { metricsExamples } from './metrics-examples.js';
import { MetricSeriesView, SeriesQuery } from './metric-series.schema.js';
import { HealthQuery, MetricsQuery, TaskHealth, TaskMetrics } from './metrics.schema.js';
import { TaskHealthReader } from './task-health.service.js';
import { TaskMetricsReader } from './task-metrics.service.js';
import { TaskStats } from './task-stats.schema.js';
import { TaskStatsReader } from './task-stats.service.js';

@ApiTags('Metrics')
@Controller('tasks')
export class MetricsController {
  constructor(
    private readonly stats: TaskStatsReader,
    private readonly metrics: TaskMetricsReader,
    private readonly health: TaskHealthReader,
  ) {}

  @Get('stats')
  @Endpoint({
    operationId: 'getTaskStats',
    summary: 'Count all tasks',
    description:
      'How many tasks are in each status, in all, by queue and by task name; what happened in the last minute, hour and day; how operations went. With `at`, as it was then, exact to the event, but for the rates, which are of whole minutes; `timestamp` says of when the counts are.',
    role: 'viewer',
    returns: { 200: { description: 'The counts', schema: TaskStats, example: metricsExamples.stats } },
    errors: ['request/invalid', 'archive/unavailable', 'archive/behind'],
  })
  readStats(@Query({ schema: AtQuery }) { at }: AtQuery): Promise<TaskStats> {
    return this.stats.read(at);
  }

  @Get('metrics')
  @Endpoint({
    operationId: 'getTaskMetrics',
    summary: 'Get metrics of a window',
    description:
      'Tasks that ended in the window, their rates, and durations by task name, in seconds. Percentiles are at most 5 % off, all else is exact. Without a window: since the beginning.',
    role: 'viewer',
    returns: { 200: { description: 'The metrics', schema: TaskMetrics, example: metricsExamples.metrics } },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  readMetrics(@Query({ schema: MetricsQuery }) query: MetricsQuery): Promise<TaskMetrics> {
    return this.metrics.read(query);
  }

  @Get('metrics/series')
  @Endpoint({
    operationId: 'getTaskMetricSeries',
    summary: 'Get metrics by intervals',
    description:
      'For charts: a point for each interval, the empty ones too. Minutes are kept for two days, hours for ninety: where nothing shorter is kept, intervals are an hour or a day long, as interval_seconds says.',
    role: 'viewer',
    returns: {
      200: { description: 'The series', schema: MetricSeriesView, example: metricsExamples.series },
    },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  readSeries(@Query({ schema: SeriesQuery }) query: SeriesQuery): Promise<MetricSeriesView> {
    return this.metrics.series(query);
  }

  @Get('health')
  @Endpoint({
    operationId: 'getTaskHealth',
    summary: 'Get the health of the tasks',
    description:
      'Warnings and worse: too many tasks have failed, attempts run for long, workers use much memory; by the alert rules in force of these metrics, as it is at this moment. The status is that of the worst.',
    role: 'viewer',
    returns: { 200: { description: 'The health', schema: TaskHealth, example: metricsExamples.health } },
    errors: ['request/invalid', 'log/unavailable', 'archive/unavailable'],
  })
  readHealth(@Query({ schema: HealthQuery }) query: HealthQuery): Promise<TaskHealth> {
    return this.health.read(query);
  }
}
