import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What lists with several filters, and kinds of failures, need to be read quickly. */
export class ListWays0013 implements MigrationInterface {
  readonly name = 'ListWays1700000000013';

  async up(runner: QueryRunner): Promise<void> {
    // Taken for independent, Postgres expects next to nothing of both, and sorts all that it finds.
    await runner.query('CREATE STATISTICS tasks_of_reason (mcv) ON status, reason FROM tasks');
    // Failures of one kind are mostly of one queue and name: none of another one is told by the index alone.
    await runner.query('DROP INDEX failures_by_submission');
    await runner.query(
      'CREATE INDEX failures_by_submission ON failures (fingerprint, submission, task_id) INCLUDE (queue, name)',
    );
    // What has failed so and is failed still: of all tasks, few have failed.
    await runner.query(`CREATE INDEX tasks_failed ON tasks (sequence) WHERE phase = 'failed'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_failed, failures_by_submission');
    await runner.query('CREATE INDEX failures_by_submission ON failures (fingerprint, submission, task_id)');
    await runner.query('DROP STATISTICS tasks_of_reason');
  }
}
