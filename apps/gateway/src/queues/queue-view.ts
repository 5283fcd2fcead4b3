import { LANES } from '@millrace/domain';
import type { QueueRecord, WorkerRecord } from '@millrace/log';
import type { QueueNumbers, RecentRates } from '@millrace/read-model';
import type { QueueDefinition, QueueView } from './queues.schema.js';

const MINUTE_SECONDS = 60;

export const definitionOf = ({ name, defined_by, settings, paused }: QueueRecord): QueueDefinition => ({
  name,
  defined_by,
  settings: settings ?? {},
  paused: paused ?? null,
});

/** A queue with all that is known of it now. */
export function queueView(
  record: QueueRecord,
  workers: readonly WorkerRecord[],
  { lanes, held, scheduled, running, oldest_wait_since }: QueueNumbers,
  { window_seconds, queues }: RecentRates,
  now: number,
): QueueView {
  const ready = LANES.reduce((sum, lane) => sum + lanes[lane], 0);
  const recent = queues.find(({ queue }) => queue === record.name);
  const perMinute = (events = 0): number =>
    Math.round((events / window_seconds) * MINUTE_SECONDS * 100) / 100;
  return {
    ...definitionOf(record),
    workers: workers
      .filter(({ queues: served }) => served.includes(record.name))
      .map(({ worker_id }) => worker_id)
      .sort(),
    depth: lanes,
    held,
    scheduled,
    running,
    total_tasks: { active: running, pending: ready + held, scheduled },
    oldest_wait_seconds:
      oldest_wait_since === null ? null : Math.max(0, (now - Date.parse(oldest_wait_since)) / 1000),
    rates: {
      window_seconds,
      started_per_minute: perMinute(recent?.started),
      finished_per_minute: perMinute(recent?.finished),
    },
  };
}
