import type { StoredMessage } from '@millrace/log';

/** A transaction holds no more than this of the log: bodies may be half a megabyte each. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** Cuts messages into batches by number and by length. */
export function* batchesOf(messages: StoredMessage[], maxMessages: number): Generator<StoredMessage[]> {
  let begin = 0;
  let bytes = 0;
  for (const [index, { payload }] of messages.entries()) {
    bytes += payload.length;
    if (index + 1 - begin < maxMessages && bytes < MAX_BATCH_BYTES) continue;
    yield messages.slice(begin, index + 1);
    begin = index + 1;
    bytes = 0;
  }
  if (begin < messages.length) yield messages.slice(begin);
}
