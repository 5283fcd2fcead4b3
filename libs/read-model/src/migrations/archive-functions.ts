/**
 * The greatest sequence of which the fact has a time at or before the given one; 0 without any. The latest second in which there are facts
 * is found by halving, then whether a later fact has an older time too, by a clock that was behind by up to a day. Each step reads a few
 * pages by the index of times: plans are made with the values in them, and no other kind of scan is let in.
 */
export const MAKE_SEQUENCE_AT = `
  CREATE OR REPLACE FUNCTION archive_sequence_at(moment timestamptz) RETURNS bigint
  LANGUAGE plpgsql STABLE SET timezone = 'UTC' SET max_parallel_workers_per_gather = 0
  SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off AS $$
  DECLARE
    first_moment timestamptz := date_trunc('day', moment) - interval '1 day';
    low timestamptz := moment;
    high timestamptz := moment;
    reach interval := interval '1 second';
    is_there boolean := false;
    found bigint;
    beyond bigint;
  BEGIN
    WHILE NOT is_there AND low > first_moment LOOP
      high := low;
      low := greatest(moment - reach, first_moment);
      reach := reach * 2;
      EXECUTE format('SELECT EXISTS (SELECT FROM task_events WHERE at > %L AND at <= %L)', low, high) INTO is_there;
    END LOOP;
    IF NOT is_there THEN
      PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_indexonlyscan', 'on', true);
      EXECUTE format('SELECT max(sequence) FROM task_events WHERE at <= %L', first_moment) INTO found;
      RETURN coalesce(found, 0);
    END IF;
    WHILE high - low > interval '1 second' LOOP
      EXECUTE format('SELECT EXISTS (SELECT FROM task_events WHERE at > %L AND at <= %L)', low + (high - low) / 2, high)
        INTO is_there;
      IF is_there THEN
        low := low + (high - low) / 2;
      ELSE
        high := low + (high - low) / 2;
      END IF;
    END LOOP;
    EXECUTE format('SELECT max(sequence) FROM task_events WHERE at > %L AND at <= %L', low, high) INTO found;
    EXECUTE format(
      'SELECT max(sequence) FROM task_events WHERE at > %L AND at <= %L AND sequence > %s',
      low - interval '1 day', moment, found) INTO beyond;
    RETURN coalesce(beyond, found);
  END $$`;
