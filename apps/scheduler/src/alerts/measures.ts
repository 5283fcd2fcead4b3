import type { AlertMetric, AlertRule, AlertSample } from '@millrace/domain';
import { deadLetters, failureRates, leastThreshold, memorySamples, runSamples } from '@millrace/domain';
import type { EndCounts } from '@millrace/read-model';
import type { Look, SeenQueue } from './look.js';

/** The samples of a rule; undefined when somebody else looks after its metric. */
type Measure = (look: Look, rule: AlertRule) => Promise<AlertSample[] | undefined>;

/** How each metric is measured. */
export const MEASURES: Record<AlertMetric, { needsPostgres: boolean; of: Measure }> = {
  failure_rate: {
    needsPostgres: true,
    of: async (look, rule) => failureRates(rule, await endsIn(look, rule)),
  },
  dead_letters: {
    needsPostgres: true,
    of: async (look, rule) => deadLetters(rule, await endsIn(look, rule)),
  },
  task_duration: { needsPostgres: true, of: longRuns },
  queue_depth: {
    needsPostgres: true,
    of: (look, rule) => ofQueues(look, rule, { valueOf: waiting, together: 'sum' }),
  },
  oldest_wait: {
    needsPostgres: true,
    of: (look, rule) => ofQueues(look, rule, { valueOf: waitSeconds, together: 'most' }),
  },
  no_worker: { needsPostgres: true, of: unserved },
  memory: { needsPostgres: false, of: memory },
  projection_lag: { needsPostgres: true, of: projectionLag },
  postgres_away: { needsPostgres: false, of: postgresAway },
  store_usage: { needsPostgres: false, of: storeUsage },
  // The janitor tells of it.
  log_held_back: { needsPostgres: false, of: () => Promise.resolve(undefined) },
};

function endsIn(look: Look, rule: AlertRule): Promise<EndCounts[]> {
  return look.sources.alerts.endsSince(new Date(look.now - rule.window_seconds * 1_000), rule);
}

async function longRuns(look: Look, rule: AlertRule): Promise<AlertSample[]> {
  const before = new Date(look.now - leastThreshold(rule) * 1_000);
  return runSamples(await look.sources.alerts.longRuns(before, new Date(look.now), rule));
}

interface QueueMeasure {
  valueOf: (queue: SeenQueue, look: Look) => number;
  /** What the queues are together. */
  together: 'sum' | 'most';
}

async function ofQueues(
  look: Look,
  rule: AlertRule,
  { valueOf, together }: QueueMeasure,
): Promise<AlertSample[]> {
  const all = await look.queues();
  const queues = rule.queue === undefined ? all : all.filter(({ queue }) => queue === rule.queue);
  const values = queues.map((queue) => ({ scope: { queue: queue.queue }, value: valueOf(queue, look) }));
  if (rule.each === 'queue' || rule.queue !== undefined) return values.sort((a, b) => b.value - a.value);
  const numbers = values.map(({ value }) => value);
  const value = together === 'most' ? Math.max(0, ...numbers) : numbers.reduce((sum, one) => sum + one, 0);
  return [{ scope: {}, value }];
}

const waiting = ({ lanes, held }: SeenQueue): number =>
  Object.values(lanes).reduce((sum, tasks) => sum + tasks, held);

/** What waits in a paused queue does so because somebody wanted it. */
function waitSeconds({ isPaused, oldest_wait_since }: SeenQueue, { now }: Look): number {
  if (isPaused || oldest_wait_since === null) return 0;
  return Math.max(0, Math.round((now - Date.parse(oldest_wait_since)) / 1_000));
}

async function unserved(look: Look, rule: AlertRule): Promise<AlertSample[]> {
  const workers = await look.workers();
  const served = new Set(workers.flatMap(({ status, queues }) => (status === 'active' ? queues : [])));
  const valueOf = (queue: SeenQueue): number =>
    queue.isPaused || served.has(queue.queue) ? 0 : waiting(queue);
  return ofQueues(look, rule, { valueOf, together: 'sum' });
}

async function memory(look: Look): Promise<AlertSample[]> {
  return memorySamples(await look.workers());
}

async function projectionLag({ sources }: Look): Promise<AlertSample[]> {
  const { lag_ms } = await sources.tasks.projection();
  return lag_ms === null ? [] : [{ scope: {}, value: lag_ms / 1_000 }];
}

function postgresAway({ postgresAwaySeconds = 0 }: Look): Promise<AlertSample[]> {
  return Promise.resolve([{ scope: {}, value: postgresAwaySeconds }]);
}

async function storeUsage({ sources }: Look): Promise<AlertSample[]> {
  const usage = await sources.log.admin.storeUsage(sources.storeLimitBytes);
  return [{ scope: {}, value: usage * 100 }];
}
