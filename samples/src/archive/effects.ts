import { appendFileSync } from 'node:fs';
import type { TaskContext } from '@millrace/worker';

/**
 * Notes that an attempt begins to work on a chunk: `<task id> <attempt> <fencing token> <chunk>`. Synchronously, so that a line that was
 * written survives whatever happens to the process the moment after.
 */
export function noteChunk(
  file: string | undefined,
  { taskId, attempt, fencingToken }: Pick<TaskContext, 'taskId' | 'attempt' | 'fencingToken'>,
  chunk: number,
): void {
  if (file !== undefined) appendFileSync(file, `${taskId} ${attempt} ${fencingToken} ${chunk}\n`);
}
