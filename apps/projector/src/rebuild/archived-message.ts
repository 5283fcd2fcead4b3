import { subjects } from '@millrace/log';
import type { StoredMessage } from '@millrace/log';
import type { ArchivedBody } from '@millrace/read-model';

/** Of data in the archive that name none. */
const FIRST_VERSION = 1;

/**
 * A fact of the archive as the message that it was, so that it goes the same way as one of the log: through checks and upcasters. Data of
 * a later version has its own `v`, which comes second, and so wins.
 */
export function archivedMessage({
  queue,
  task_id,
  kind,
  sequence,
  data,
  ...stamp
}: ArchivedBody): StoredMessage {
  const { id, prev, at, actor } = stamp;
  const envelope = JSON.stringify({ v: FIRST_VERSION, id, prev, at, actor }).slice(0, -1);
  const rest = data.trimStart().slice(1);
  const payload = `${envelope}${rest.trimStart().startsWith('}') ? '' : ','}${rest}`;
  return { subject: subjects.fact({ queue, task_id }, kind), sequence, payload, storedAtMs: Date.parse(at) };
}
