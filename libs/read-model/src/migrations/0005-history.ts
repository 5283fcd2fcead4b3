import type { MigrationInterface, QueryRunner } from 'typeorm';
import { MAKE_SEQUENCE_AT } from './archive-functions.js';

/** The archive in parts, one for each day, so that old days go as a whole. */
export class History0005 implements MigrationInterface {
  readonly name = 'History1700000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE task_events RENAME TO task_events_whole');
    await runner.query(
      'CREATE TABLE task_events (LIKE task_events_whole INCLUDING DEFAULTS) PARTITION BY RANGE (at)',
    );
    await runner.query('CREATE TABLE task_events_default PARTITION OF task_events DEFAULT');
    await runner.query(MAKE_PARTITIONS);
    await runner.query('INSERT INTO task_events SELECT * FROM task_events_whole ORDER BY sequence');
    await runner.query('DROP TABLE task_events_whole');
    await runner.query('ALTER TABLE task_events ADD CONSTRAINT task_events_pkey PRIMARY KEY (sequence, at)');
    await runner.query('CREATE INDEX task_events_by_task ON task_events (task_id, sequence)');
    await runner.query(BY_TIME);
    await runner.query(MAKE_SEQUENCE_AT);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION archive_sequence_at');
    await runner.query('ALTER TABLE task_events RENAME TO task_events_parted');
    await runner.query('CREATE TABLE task_events (LIKE task_events_parted INCLUDING DEFAULTS)');
    await runner.query('INSERT INTO task_events SELECT * FROM task_events_parted ORDER BY sequence');
    await runner.query('DROP TABLE task_events_parted');
    await runner.query('ALTER TABLE task_events ADD CONSTRAINT task_events_pkey PRIMARY KEY (sequence)');
    await runner.query('CREATE INDEX task_events_by_task ON task_events (task_id, sequence)');
  }
}

/** A part for each day that facts are of; of nonsense days the default part takes them, as the projector does it. */
const MAKE_PARTITIONS = `
  DO $$
  DECLARE
    day date;
  BEGIN
    FOR day IN
      SELECT DISTINCT (at AT TIME ZONE 'UTC')::date FROM task_events_whole
      WHERE at >= now() - interval '10 years' AND at < now() + interval '1 day'
    LOOP
      EXECUTE format(
        'CREATE TABLE %I PARTITION OF task_events FOR VALUES FROM (%L) TO (%L)',
        'task_events_' || to_char(day, 'YYYYMMDD'), to_char(day, 'YYYY-MM-DD"T00:00:00Z"'),
        to_char(day + 1, 'YYYY-MM-DD"T00:00:00Z"'));
    END LOOP;
  END $$`;

/** Of the sequence too: which facts beyond a sequence are older than a time is then told by a few pages. */
const BY_TIME = `
  CREATE INDEX task_events_by_time ON task_events USING brin (at, sequence)
  WITH (pages_per_range = 32, autosummarize = on)`;
