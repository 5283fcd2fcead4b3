/** Words and JSON of the tasks, written behind the projection; how far it is. */
export const MAKE_SEARCH = [
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

export const DROP_SEARCH = [
  'DROP INDEX tasks_by_error, tasks_by_reason',
  'DROP TABLE task_search, task_search_progress',
  'DROP FUNCTION searchable_json',
];
