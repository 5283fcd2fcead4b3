import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The waits of a queue are counted and found by the queue. */
export class Queues0003 implements MigrationInterface {
  readonly name = 'Queues1700000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_by_until');
    await runner.query(
      `CREATE INDEX tasks_by_until ON tasks (queue, until) INCLUDE (turn) WHERE phase = 'scheduled'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_by_until');
    await runner.query(`CREATE INDEX tasks_by_until ON tasks (until) WHERE phase = 'scheduled'`);
  }
}
