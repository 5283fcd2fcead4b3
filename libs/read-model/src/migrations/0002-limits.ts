import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the limits of queues and operations on many tasks need to find. */
export class Limits0002 implements MigrationInterface {
  readonly name = 'Limits1700000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE tasks ADD COLUMN slot boolean, ADD COLUMN rank double precision, ADD COLUMN operation text',
    );
    await runner.query(
      `CREATE INDEX tasks_held ON tasks (queue, lane_rank, rank) WHERE phase = 'held' AND waiting_for = 'slot'`,
    );
    await runner.query('CREATE INDEX tasks_by_operation ON tasks (operation) WHERE operation IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE tasks DROP COLUMN slot, DROP COLUMN rank, DROP COLUMN operation');
  }
}
