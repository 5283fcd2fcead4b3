import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables that can be exchanged for others. */
export class Rebuild0008 implements MigrationInterface {
  readonly name = 'Rebuild1700000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE projections
         ADD COLUMN generation bigint NOT NULL DEFAULT 0,
         ADD COLUMN version text NOT NULL DEFAULT '1'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE projections DROP COLUMN generation, DROP COLUMN version');
  }
}
