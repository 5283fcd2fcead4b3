import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What tasks are searched by, and failures by kind. */
export class Search0011 implements MigrationInterface {
  readonly name = 'Search1700000000011';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...MAKE_SEARCH, ...MAKE_FAILURES]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX tasks_by_error, tasks_by_reason');
    await runner.query('DROP TABLE task_search, task_search_progress, failures');
    await runner.query('DROP FUNCTION searchable_json');
  }
}

/** Words and JSON of the tasks, written behind the projection; how far it is. */
const MAKE_SEARCH = [
  `CREATE TABLE task_search (
     task_id text NOT NULL,
     submission timestamptz NOT NULL,
     digest bigint NOT NULL,
     words tsvector NOT NULL,
     content jsonb,
     CONSTRAINT task_search_pkey PRIMARY KEY (task_id)
   )`,
  `CREATE INDEX task_search_by_content ON task_search USING gin (words, content jsonb_path_ops)
   WITH (fastupdate = on, gin_pending_list_limit = 512)`,
  'CREATE TABLE task_search_progress (sequence bigint NOT NULL)',
  'INSERT INTO task_search_progress VALUES (0)',
  // What jsonb refuses (a \u0000, half a surrogate pair, a number too large) is not found by JSON, and stops nothing.
  `CREATE FUNCTION searchable_json(value json) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
   BEGIN
     RETURN value::text::jsonb;
   EXCEPTION WHEN OTHERS THEN
     RETURN NULL;
   END $$`,
  // The name, as an error is written with it first.
  `CREATE INDEX tasks_by_error ON tasks (split_part(error::text, '"', 4), submitted_at) WHERE error IS NOT NULL`,
  'CREATE INDEX tasks_by_reason ON tasks (reason, submitted_at) WHERE reason IS NOT NULL',
];

/** Each attempt that has failed with an error. */
const MAKE_FAILURES = [
  `CREATE TABLE failures (
     sequence bigint NOT NULL,
     task_id text NOT NULL,
     queue text NOT NULL,
     name text NOT NULL,
     fingerprint text NOT NULL,
     error_name text NOT NULL,
     message text NOT NULL,
     at timestamptz NOT NULL,
     first_sequence bigint NOT NULL,
     CONSTRAINT failures_pkey PRIMARY KEY (sequence)
   )`,
  'CREATE INDEX failures_by_fingerprint ON failures (fingerprint, sequence)',
];
