import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What operators and repairs did, and every command over REST. */
export class Operations0006 implements MigrationInterface {
  readonly name = 'Operations1700000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE ops_events (${NOTE}, PRIMARY KEY (sequence))`);
    await runner.query(
      `CREATE TABLE lost_ops_events (${NOTE}, lost_at timestamptz NOT NULL, PRIMARY KEY (sequence, lost_at))`,
    );
    await runner.query(AUDIT_COMMANDS);
    for (const index of INDEXES) await runner.query(index);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE ops_events, lost_ops_events, audit_commands');
  }
}

const NOTE = `
    sequence bigint NOT NULL,
    noun text NOT NULL,
    verb text NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    data json NOT NULL`;

const AUDIT_COMMANDS = `
  CREATE TABLE audit_commands (
    sequence bigint NOT NULL,
    place integer NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    role text,
    address text NOT NULL,
    method text NOT NULL,
    operation text NOT NULL,
    target_type text,
    target text,
    status smallint NOT NULL,
    code text,
    correlation_id text NOT NULL,
    PRIMARY KEY (sequence, place)
  )`;

const INDEXES = [
  'CREATE INDEX ops_events_by_noun ON ops_events (noun, verb, sequence)',
  `CREATE INDEX ops_events_notes ON ops_events (sequence) WHERE noun <> 'audit'`,
  'CREATE INDEX audit_by_time ON audit_commands (at, sequence, place)',
  'CREATE INDEX audit_by_actor ON audit_commands (actor, at)',
  `CREATE INDEX audit_by_operation ON audit_commands (operation, at) WHERE operation <> 'submitTask'`,
  'CREATE INDEX audit_by_target ON audit_commands (target, at) WHERE target IS NOT NULL',
  'CREATE INDEX audit_refused ON audit_commands (at) WHERE status >= 400',
];
