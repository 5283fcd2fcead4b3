import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tasks, the archive of their facts, and how far the projection is. */
export class FirstTables0001 implements MigrationInterface {
  // TypeORM takes the order from the number at the end, which must look like a time in milliseconds.
  readonly name = 'FirstTables1700000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TASKS);
    await runner.query(TASK_EVENTS);
    await runner.query(LOST_TASK_EVENTS);
    await runner.query(PROJECTIONS);
    for (const index of INDEXES) await runner.query(index);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE tasks, task_events, lost_task_events, projections');
  }
}

const TASKS = `
  CREATE TABLE tasks (
    id text NOT NULL,
    queue text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    phase text NOT NULL,
    lane text,
    lane_rank smallint,
    ticket bigint,
    turn bigint,
    priority smallint NOT NULL,
    begun integer NOT NULL,
    failed integer NOT NULL,
    lost integer NOT NULL,
    retry json NOT NULL,
    soft_time_limit double precision NOT NULL,
    time_limit double precision NOT NULL,
    submitted_at timestamptz NOT NULL,
    expires_at timestamptz,
    tags text[],
    user_id text,
    correlation_id text,
    unique_key text,
    concurrency_key text,
    parameters json,
    input bigint NOT NULL,
    checkpoint bigint NOT NULL,
    step bigint NOT NULL,
    branched_from json,
    worker text,
    token bigint,
    started_at timestamptz,
    progress json,
    result json,
    error json,
    reason text,
    previous_status text,
    waiting_for text,
    until timestamptz,
    due_ticket bigint,
    due_at timestamptz,
    first_sequence bigint NOT NULL,
    sequence bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT tasks_pkey PRIMARY KEY (id)
  )`;

const TASK_EVENTS = `
  CREATE TABLE task_events (
    sequence bigint NOT NULL,
    task_id text NOT NULL,
    queue text NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    attempt integer,
    actor text NOT NULL,
    event_id text NOT NULL,
    prev bigint NOT NULL,
    data json NOT NULL,
    CONSTRAINT task_events_pkey PRIMARY KEY (sequence)
  )`;

/** The columns of the archive in its order, and one more. */
const LOST_TASK_EVENTS = `
  CREATE TABLE lost_task_events (
    LIKE task_events,
    lost_at timestamptz NOT NULL,
    CONSTRAINT lost_task_events_pkey PRIMARY KEY (sequence, lost_at)
  )`;

const PROJECTIONS = `
  CREATE TABLE projections (
    name text NOT NULL,
    sequence bigint NOT NULL,
    fingerprint text NOT NULL,
    stream_created_at text NOT NULL,
    ignored bigint NOT NULL,
    lag_ms bigint NOT NULL,
    lag_messages bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT projections_pkey PRIMARY KEY (name)
  )`;

/** What they are for stands in docs/reference/read-model.md. A task that succeeded has entries in six, the primary key included. */
const INDEXES = [
  'CREATE INDEX tasks_by_submission ON tasks (submitted_at)',
  'CREATE INDEX tasks_by_sequence ON tasks (sequence) INCLUDE (phase)',
  'CREATE INDEX tasks_by_queue ON tasks (queue, submitted_at)',
  'CREATE INDEX tasks_by_name ON tasks (name, submitted_at)',
  `CREATE INDEX tasks_by_status ON tasks (status, submitted_at) WHERE status <> 'SUCCESS'`,
  'CREATE INDEX tasks_by_user ON tasks (user_id, submitted_at) WHERE user_id IS NOT NULL',
  'CREATE INDEX tasks_by_worker ON tasks (worker, submitted_at) WHERE worker IS NOT NULL',
  'CREATE INDEX tasks_by_turn ON tasks (queue, lane_rank, turn) WHERE turn IS NOT NULL',
  `CREATE INDEX tasks_running ON tasks (queue, lane_rank, ticket) WHERE phase = 'running'`,
  `CREATE INDEX tasks_by_until ON tasks (until) WHERE phase = 'scheduled'`,
  `CREATE INDEX tasks_by_signal ON tasks (sequence) WHERE waiting_for LIKE 'signal:%' AND phase IN ('held', 'scheduled')`,
  `CREATE INDEX tasks_by_expiry ON tasks (expires_at)
     WHERE expires_at IS NOT NULL AND begun = 0 AND phase IN ('ready', 'scheduled', 'held')`,
  `CREATE INDEX tasks_live ON tasks (first_sequence) WHERE phase NOT IN ('succeeded', 'failed', 'cancelled')`,
  `CREATE INDEX tasks_by_origin ON tasks ((branched_from ->> 'task_id')) WHERE branched_from IS NOT NULL`,
  'CREATE INDEX tasks_by_tag ON tasks USING gin (tags) WITH (fastupdate = off) WHERE tags IS NOT NULL',
  'CREATE INDEX task_events_by_task ON task_events (task_id, sequence)',
];
