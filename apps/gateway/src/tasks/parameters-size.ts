import type { Json } from '@millrace/domain';
import { ProblemError } from '../http/problem.js';

const PARAMETERS_BYTES = 512 * 1024;
/** No UTF-16 code unit has more bytes in UTF-8. */
const MOST_BYTES_OF_A_CODE_UNIT = 3;

/** @throws ProblemError when the JSON of the parameters has more than 512 KiB, or is nested so deep that no one could write it */
export function refuseTooLarge(parameters: Json): void {
  const json = textOf(parameters);
  if (json.length * MOST_BYTES_OF_A_CODE_UNIT <= PARAMETERS_BYTES) return;
  const bytes = Buffer.byteLength(json);
  if (bytes <= PARAMETERS_BYTES) return;
  throw new ProblemError(
    'task/too-large',
    `The parameters have ${bytes} bytes as JSON; ${PARAMETERS_BYTES} are allowed. Put large input into a file or an object store and submit where it is.`,
  );
}

function textOf(parameters: Json): string {
  try {
    return JSON.stringify(parameters);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = 'The parameters are nested too deep.';
    throw new ProblemError('request/invalid', message, { errors: [{ path: 'parameters', message }] });
  }
}
