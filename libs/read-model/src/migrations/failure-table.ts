/** Each attempt that has failed with an error. */
export const MAKE_FAILURES = [
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
