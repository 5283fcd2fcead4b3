import { WITHDRAWAL } from '@millrace/log';
import type { TaskLog } from '@millrace/log';
import { NOTE_DEADLINE_MS } from '../projector.constants.js';

/**
 * Notes that what was anchored of the archive holds no further than the sequence. To be called before the archive is changed: who is
 * killed in between has withdrawn too much, which is anchored anew.
 */
export async function withdrawAnchors(log: TaskLog, after: number, reason: string): Promise<void> {
  const note = { actor: 'projector', after, at: new Date().toISOString(), reason };
  await log.noteInChain(WITHDRAWAL.noun, WITHDRAWAL.verb, note, { deadlineMs: NOTE_DEADLINE_MS });
}
