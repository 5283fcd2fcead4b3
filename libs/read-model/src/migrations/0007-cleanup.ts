import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is left of tasks that were cleaned up, and which are due. */
export class Cleanup0007 implements MigrationInterface {
  readonly name = 'Cleanup1700000000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks ADD COLUMN cleaned_at timestamptz');
    await runner.query('DROP INDEX tasks_live');
    await runner.query(
      `CREATE INDEX tasks_live ON tasks (first_sequence)
       WHERE phase NOT IN ('succeeded', 'failed', 'cancelled', 'cleaned')`,
    );
    await runner.query(
      `CREATE INDEX tasks_to_clean ON tasks (finished_at) WHERE phase IN ('failed', 'cancelled')`,
    );
    await runner.query(
      `CREATE INDEX tasks_succeeded ON tasks (queue, finished_at) WHERE phase = 'succeeded'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_succeeded, tasks_to_clean, tasks_live');
    await runner.query(
      `CREATE INDEX tasks_live ON tasks (first_sequence) WHERE phase NOT IN ('succeeded', 'failed', 'cancelled')`,
    );
    await runner.query('ALTER TABLE tasks DROP COLUMN cleaned_at');
  }
}
