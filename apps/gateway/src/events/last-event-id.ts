import { invalidRequest } from '../http/validation.pipe.js';
import { Sequence } from './events.schema.js';

export const LAST_EVENT_ID = 'Last-Event-ID';

/**
 * The sequence that a client resumes after; undefined when it says none. An EventSource sends what it had last in the header, also when
 * the URL that it was made with names an older one; before its first event it may send it empty.
 *
 * @throws ProblemError `request/invalid`
 */
export function resumePoint(header: string | undefined, fromQuery: number | undefined): number | undefined {
  if (header === undefined || header === '') return fromQuery;
  const read = Sequence.safeParse(header);
  if (!read.success) throw invalidRequest(read.error.issues, LAST_EVENT_ID);
  return read.data;
}
