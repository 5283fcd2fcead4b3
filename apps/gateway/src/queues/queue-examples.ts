import { LANES } from '@millrace/domain';
import type { Lane } from '@millrace/domain';
import { examples } from '../tasks/examples.js';
import type { DefineQueue } from './queue-settings.schema.js';
import type {
  PendingList,
  QueueCommandDone,
  QueueDefinition,
  QueueList,
  QueueView,
} from './queues.schema.js';

const settings: DefineQueue = {
  concurrency: 20,
  key_concurrency: 2,
  fair: true,
  default_priority: 4,
  max_depth: 100_000,
  retry: { max_retries: 5 },
  routes: ['transcode'],
};

const definition: QueueDefinition = {
  name: 'films',
  defined_by: 'worker',
  settings,
  paused: { at: '2026-03-01T09:30:00.000Z', actor: 'api:nightly-import', reason: 'The store is full' },
};

const none = Object.fromEntries(LANES.map((lane) => [lane, 0])) as Record<Lane, number>;

const queue: QueueView = {
  ...definition,
  workers: ['mill-1-4711-9c1d2e3f'],
  depth: { ...none, p8: 3, p4: 1208 },
  held: 40,
  scheduled: 12,
  running: 20,
  total_tasks: { active: 20, pending: 1251, scheduled: 12 },
  oldest_wait_seconds: 93.5,
  rates: { window_seconds: 60, started_per_minute: 412, finished_per_minute: 409 },
};

const [task] = examples.list.items;

const pending: PendingList = {
  items: task
    ? [
        {
          ...task,
          status: 'PENDING',
          queue: 'films',
          progress: null,
          attempt: 0,
          worker: null,
          started_at: null,
          finished_at: null,
          elapsed_seconds: null,
          position: 0,
          waits_for: 'turn',
        },
      ]
    : [],
  next_cursor: null,
  projection: { sequence: 4713, lag_ms: 2 },
};

const paused: QueueCommandDone = {
  success: true,
  message: 'The queue is paused: no task of it starts. What runs goes on.',
  affected: 1211,
};

export const queueExamples = {
  settings,
  definition,
  queue,
  list: { items: [queue] } satisfies QueueList,
  pending,
  paused,
  resumed: { ...paused, message: 'The queue goes on.' },
};
