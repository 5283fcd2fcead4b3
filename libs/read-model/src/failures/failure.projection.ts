import { failureFingerprint } from '@millrace/domain';
import type { Fact, TaskError } from '@millrace/domain';
import type { Client } from 'pg';
import { isoTime } from '../tasks/task.mapping.js';
import type { ProjectedTask } from '../tasks/task.projection.js';
import type { FailureRow } from './failure.entity.js';

const MESSAGE_CHARACTERS = 500;

/** What the fact tells of an attempt that has failed; undefined if it tells of none. */
export function failureOf(fact: Fact, { state, notes }: ProjectedTask): FailureRow | undefined {
  const error = errorOf(fact);
  if (!error) return undefined;
  const { sequence, task_id, queue, at } = fact;
  const { name } = state.spec;
  return {
    sequence,
    task_id,
    queue,
    name,
    fingerprint: failureFingerprint(name, error),
    error_name: storable(error.name),
    message: storable(error.message.slice(0, MESSAGE_CHARACTERS)),
    at,
    first_sequence: notes.first_sequence,
    submission: isoTime(state.spec.submitted_at),
  };
}

/** A wait that the janitor has carried tells nothing new. */
function errorOf(fact: Fact): TaskError | undefined {
  if (fact.kind === 'failed') return fact.data.error;
  if (fact.kind !== 'scheduled' || fact.data.reason !== 'retry' || fact.data.carried !== undefined)
    return undefined;
  return fact.data.error;
}

/** Postgres has no NUL in a text. */
const storable = (text: string): string => text.replaceAll('\0', ' ');

/** Writes failures, except those that are there. */
export async function writeFailures(client: Client, rows: readonly FailureRow[]): Promise<void> {
  const of = <C extends keyof FailureRow>(column: C): FailureRow[C][] => rows.map((row) => row[column]);
  await client.query({
    name: 'write-failures',
    text: `INSERT INTO failures (sequence, task_id, queue, name, fingerprint, error_name, message, at, first_sequence, submission)
      SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::bigint[], $10::timestamptz[])
      ON CONFLICT (sequence) DO NOTHING`,
    values: [
      of('sequence'),
      of('task_id'),
      of('queue'),
      of('name'),
      of('fingerprint'),
      of('error_name'),
      of('message'),
      of('at'),
      of('first_sequence'),
      of('submission'),
    ],
  });
}
