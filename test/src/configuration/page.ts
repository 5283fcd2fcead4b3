import type { AppSettings } from './settings.js';

/** The reference of all settings, `docs/reference/configuration.md`. */
export const configurationPage = (apps: readonly AppSettings[]): string =>
  `${[
    '# Configuration',
    INTRODUCTION,
    ...apps.flatMap(({ app, rows }) => [
      `## ${TITLES[app] ?? app}`,
      tableOf(
        ['variable', 'default', 'is'],
        rows.map(({ variable, meaning, ...row }) => [`\`${variable}\``, row.default, meaning]),
      ),
    ]),
    '## From Celery',
    FROM_CELERY,
    tableOf(['there', 'here'], CELERY),
  ].join('\n\n')}\n`;

const INTRODUCTION = `
Every process is told everything by its environment, needs nothing to be told, and looks at all of it when it starts: what is wrong is told in one message, each fault in a sentence, and
the process ends. An empty variable counts as not set. Settings of queues are data and not here: [queues](../guides/queues.md).

This page is made from the schemas by which the processes read their settings; a spec compares it. To write it anew: \`UPDATE_DOCS=1 npm run jest -- test/dist/configuration\`.`.trim();

const TITLES: Readonly<Record<string, string>> = {
  standalone: '`npm start`',
  gateway: 'The gateway',
  worker: 'The worker',
  scheduler: 'The scheduler',
  projector: 'The projector',
  samples: 'The sample handlers',
};

const FROM_CELERY = `
What the settings of a Celery system become. None of the names on the left is read, but for those of \`POSTGRES_*\`.`.trim();

const CELERY: readonly string[][] = [
  [
    '`REDIS_URL`, `CELERY_BROKER_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD`',
    '`NATS_URL`: the broker is NATS',
  ],
  [
    '`CELERY_RESULT_BACKEND`',
    '`DATABASE_URL`; results are in the log first, and in Postgres for ever unless a queue says otherwise',
  ],
  [
    '`POSTGRES_HOST`, `POSTGRES_PORT`, `POSTGRES_USER`, `POSTGRES_PASSWORD`, `POSTGRES_DB`',
    'the same; `DATABASE_URL` wins',
  ],
  ['`CELERY_LOG_LEVEL`', '`MILLRACE_LOG_LEVEL`'],
  [
    '`CELERY_CONCURRENCY`, `CELERY_WORKER_CONCURRENCY`, `worker_concurrency`',
    '`MILLRACE_CONCURRENCY`, or `--concurrency`',
  ],
  [
    '`CELERY_WORKER_PREFETCH_MULTIPLIER`',
    '`MILLRACE_PREFETCH`: tasks held beyond the running ones, not a multiple of them; 0 is the multiplier 1',
  ],
  [
    '`CELERY_MAX_RETRIES`, `CELERY_RETRY_DELAY`',
    '`retry` of the submission, the handler or the queue: `max_retries` 3, `delay_seconds` 60, doubled up to 600',
  ],
  [
    '`task_time_limit`, `task_soft_time_limit`',
    '`MILLRACE_TIME_LIMIT`, `MILLRACE_SOFT_TIME_LIMIT`; for each handler, queue or task as well',
  ],
  [
    '`worker_max_tasks_per_child`, `worker_max_memory_per_child`',
    '`MILLRACE_MAX_TASKS_PER_CHILD`, `MILLRACE_MAX_MEMORY_PER_CHILD`',
  ],
  ['`task_routes`', '`routes` of a queue, or the queue of the handler'],
  ['`task_acks_late`, `task_track_started`', 'always so'],
  ['`result_expires`', '`retention_hours` of a queue; without it for ever'],
  [
    '`CLEANUP_RETENTION_TRANSCRIPTION`, `CLEANUP_RETENTION_VOD_PROCESSING`',
    '`MILLRACE_CLEANUP_RETENTION`, by the name of the task',
  ],
  ['`CLEANUP_RETENTION_DEFAULT`', '`MILLRACE_CLEANUP_RETENTION_HOURS`'],
  ['`TASK_STATE_TTL`', 'not needed: the state of a task does not expire'],
  ['`PRIORITY_TTL`', 'not needed: a place in the queue lasts until the task runs'],
  ['`FLOWER_USER`, `FLOWER_PASSWORD`', '`MILLRACE_ADMIN_KEY`, and API keys with roles'],
  ['`CELERY_SYSTEM_WORKER_REPLICAS`', 'start as many workers as you like'],
  ['`SYSTEM_DEPLOYMENT_PATH`', '`MILLRACE_DATA_DIR`'],
  [
    '`archivist:task_state:{id}`, `archivist:task_priority:{id}`, `archivist:failed_tasks:{id}`',
    '`tasks.<queue>.*.<taskId>`: see [subjects](subjects.md)',
  ],
  ['`beat_schedule`', 'schedules are data, not settings'],
];

/** A table as prettier writes it: the columns aligned. */
function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [top = [], ...body] = cells;
  return [line(top), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
