import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What happened, by minute, hour and day. */
export class Metrics0004 implements MigrationInterface {
  readonly name = 'Metrics1700000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(METRICS);
    await runner.query('CREATE INDEX metrics_open ON metrics (at) WHERE NOT rolled');
    await runner.query('ALTER TABLE tasks ADD COLUMN resumed boolean');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks DROP COLUMN resumed');
    await runner.query('DROP TABLE metrics');
  }
}

/** The newest rows are written with every batch: there is room for that on their pages. */
const METRICS = `
  CREATE TABLE metrics (
    span text NOT NULL,
    at timestamptz NOT NULL,
    queue text NOT NULL,
    name text NOT NULL,
    rolled boolean NOT NULL,
    submitted bigint NOT NULL,
    started bigint NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    retried bigint NOT NULL,
    cancelled bigint NOT NULL,
    lost bigint NOT NULL,
    paused bigint NOT NULL,
    resumed bigint NOT NULL,
    resumed_completed bigint NOT NULL,
    resumed_failed bigint NOT NULL,
    redriven bigint NOT NULL,
    reordered bigint NOT NULL,
    in_pending bigint NOT NULL,
    in_started bigint NOT NULL,
    in_processing bigint NOT NULL,
    in_success bigint NOT NULL,
    in_failure bigint NOT NULL,
    in_retry bigint NOT NULL,
    in_revoked bigint NOT NULL,
    in_paused bigint NOT NULL,
    in_held bigint NOT NULL,
    in_delayed bigint NOT NULL,
    waits bigint NOT NULL,
    wait_us bigint NOT NULL,
    runs bigint NOT NULL,
    run_us bigint NOT NULL,
    wait_buckets smallint[] NOT NULL,
    wait_counts integer[] NOT NULL,
    run_buckets smallint[] NOT NULL,
    run_counts integer[] NOT NULL,
    CONSTRAINT metrics_pkey PRIMARY KEY (span, at, queue, name)
  ) WITH (fillfactor = 50)`;
