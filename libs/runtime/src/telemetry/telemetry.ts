import { Registry, collectDefaultMetrics } from 'prom-client';
import type { Metric } from 'prom-client';
import { DURATION_BUCKETS } from './histogram.js';
import type { DurationCounts } from './histogram.js';
import { METRICS } from './names.js';
import type { MetricInfo, MetricName } from './names.js';

/** A number of a metric, and of what it is. */
export interface Reading {
  value: number;
  labels?: Record<string, string>;
}

/** A histogram, and of what it is. */
export interface DurationReading {
  counts: DurationCounts;
  labels: Record<string, string>;
}

interface Sample {
  metricName?: string;
  labels: Record<string, string | number>;
  value: number;
}

/**
 * What a process tells Prometheus of itself. Nothing is counted for it: each metric is read when somebody asks, from numbers that are there
 * anyway. Metrics of the process and of Node (`process_…`, `nodejs_…`) are always among them.
 */
export class Telemetry {
  readonly #registry = new Registry();

  /** @param app label of all that it tells */
  constructor(app: string) {
    this.#registry.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Media type of {@link text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** A counter or a gauge. What cannot be read now (Postgres is away, say) is left out. */
  add(name: MetricName, read: () => Reading[] | Promise<Reading[]>): void {
    this.#register(name, async () => {
      const readings = await read();
      return readings.map(({ value, labels = {} }) => ({ value, labels }));
    });
  }

  /** A histogram of durations. */
  addDurations(name: MetricName, read: () => DurationReading[]): void {
    this.#register(name, () => Promise.resolve(read().flatMap((reading) => samplesOf(name, reading))));
  }

  /** All of it in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #register(name: MetricName, samples: () => Promise<Sample[]>): void {
    const { type, help }: MetricInfo = METRICS[name];
    const get = async (): Promise<object> => ({
      name,
      help,
      type,
      aggregator: 'sum',
      values: await samples().catch(() => []),
    });
    // The registry asks its metrics for no more than this.
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }
}

function samplesOf(name: string, { counts, labels }: DurationReading): Sample[] {
  const samples: Sample[] = [];
  let total = 0;
  for (const [i, count] of counts.counts.entries()) {
    total += count;
    const le = DURATION_BUCKETS[i] ?? '+Inf';
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: total });
  }
  samples.push({ metricName: `${name}_sum`, labels, value: counts.sum });
  samples.push({ metricName: `${name}_count`, labels, value: total });
  return samples;
}
