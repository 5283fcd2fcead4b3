import { failureRates, leastThreshold, memorySamples, runSamples } from '@millrace/domain';
import type { AlertSample, HealthMetric, HealthRule } from '@millrace/domain';
import type { WorkerRecord } from '@millrace/log';
import type { MetricGroup } from '@millrace/read-model';
import type { Archive } from '../archive/archive.js';
import type { Workers } from '../workers/workers.service.js';

/** Who has more has other worries than a list of them all. */
const LONG_RUNS = 100;

/** The measures of a moment, each taken when it is first asked for. */
export class HealthLook {
  readonly #ended = new Map<number, Promise<MetricGroup[]>>();
  #workers: Promise<WorkerRecord[]> | undefined;

  constructor(
    private readonly archive: Archive,
    private readonly workersSeen: Workers,
    /** Milliseconds since the epoch. */
    readonly now: number,
  ) {}

  samples(rule: HealthRule): Promise<AlertSample[]> {
    return SAMPLES[rule.metric](this, rule);
  }

  /** What happened in so many seconds until now. */
  happened(seconds: number): Promise<MetricGroup[]> {
    const known = this.#ended.get(seconds);
    if (known) return known;
    const from = new Date(this.now - seconds * 1_000).toISOString();
    const asked = this.archive.metrics.totals({ from, durations: false }).then(({ groups }) => groups);
    this.#ended.set(seconds, asked);
    return asked;
  }

  async longRuns(rule: HealthRule): Promise<AlertSample[]> {
    const before = new Date(this.now - leastThreshold(rule) * 1_000);
    const runs = await this.archive.alerts.longRuns(before, new Date(this.now), rule);
    return runSamples(runs.slice(0, LONG_RUNS));
  }

  workers(): Promise<WorkerRecord[]> {
    return (this.#workers ??= this.workersSeen.list({}));
  }
}

const SAMPLES: Record<HealthMetric, (look: HealthLook, rule: HealthRule) => Promise<AlertSample[]>> = {
  failure_rate: async (look, rule) => {
    const groups = await look.happened(rule.window_seconds);
    const ends = groups.map(({ queue, name, measures: { completed, failed } }) => ({
      queue,
      name,
      succeeded: completed,
      failed,
    }));
    return failureRates(rule, ends);
  },
  task_duration: (look, rule) => look.longRuns(rule),
  memory: async (look) => memorySamples(await look.workers()),
};
