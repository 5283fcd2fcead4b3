import type { MigrationInterface, QueryRunner } from 'typeorm';
import { MAKE_SEQUENCE_AT } from './archive-functions.js';

/** Failures in the order in which their tasks are listed, and by their time; what has run for long. */
export class FailedTasks0012 implements MigrationInterface {
  readonly name = 'FailedTasks1700000000012';

  async up(runner: QueryRunner): Promise<void> {
    // It missed facts of clocks that were a day behind, where the day of the moment had just begun.
    await runner.query(MAKE_SEQUENCE_AT);
    await runner.query('ALTER TABLE failures ADD COLUMN submission timestamptz');
    await runner.query('UPDATE failures SET submission = submitted_at FROM tasks WHERE id = task_id');
    // A task that was removed is in no list; its failures are counted still.
    await runner.query('UPDATE failures SET submission = at WHERE submission IS NULL');
    await runner.query('ALTER TABLE failures ALTER COLUMN submission SET NOT NULL');
    await runner.query(`CREATE INDEX tasks_by_start ON tasks (started_at) WHERE phase = 'running'`);
    await runner.query('CREATE INDEX failures_by_time ON failures (at)');
    await runner.query('CREATE INDEX failures_by_submission ON failures (fingerprint, submission, task_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX failures_by_time, tasks_by_start');
    await runner.query('ALTER TABLE failures DROP COLUMN submission');
  }
}
