import type { AlertMetric, AlertRule, AlertSample } from '@millrace/domain';
import {
  deadLetters,
  failureRates,
  leastThreshold,
  memorySamples,
  queueSamples,
  runSamples,
} from '@millrace/domain';
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
    of: (look, rule) => ofQueues(look, rule, waiting, 'sum'),
  },
  oldest_wait: {
    needsPostgres: true,
    of: (look, rule) => ofQueues(look, rule, waitSeconds, 'most'),
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

async function ofQueues(
  look: Look,
  rule: AlertRule,
  valueOf: (queue: SeenQueue, look: Look) => number,
  together: 'sum' | 'most',
): Promise<AlertSample[]> {
  const queues = await look.queues();
  const values = queues.map((seen) => ({ queue: seen.queue, value: valueOf(seen, look) }));
  return queueSamples(rule, values, together);
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
  return ofQueues(look, rule, valueOf, 'sum');
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
