import { ProblemError } from '../http/problem.js';
import { invalidRequest } from '../http/validation.pipe.js';
import { SubmitTask } from './submit-task.schema.js';

const HEADER = 'Idempotency-Key';
/** Headers are bytes: what a client means by others is anybody's guess, and would be another key than in a body. */
const ASCII = /^[\x20-\x7e]*$/;

/** The submission with the key of the header as its `unique_key`. */
export function keyed(body: SubmitTask, key: string | undefined): SubmitTask {
  if (key === undefined) return body;
  if (!ASCII.test(key))
    throw refused('The header may only have ASCII characters: send the key as unique_key.');
  const { unique_key } = body;
  if (unique_key !== undefined && unique_key !== key)
    throw refused(`The header ${HEADER} and unique_key name different keys: send one of them.`);
  const read = SubmitTask.shape.unique_key.safeParse(key);
  if (!read.success) throw invalidRequest(read.error.issues, HEADER);
  return { ...body, unique_key: key };
}

/** A key names one task, a bulk has many. */
export function refuseKeyOfBulk(key: string | undefined): void {
  if (key !== undefined)
    throw refused(`The header ${HEADER} names one task: in a bulk give each entry its own unique_key.`);
}

const refused = (message: string): ProblemError =>
  new ProblemError('request/invalid', message, { errors: [{ path: HEADER, message }] });
