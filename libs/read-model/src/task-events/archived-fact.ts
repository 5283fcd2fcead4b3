import type { Fact } from '@millrace/domain';
import type { StoredRow } from '../tasks/task.columns.js';
import type { TaskEventRow } from './task-event.entity.js';

/** A row of the archive as Postgres returned it, its JSON parsed. */
export const parsedEvent = (stored: StoredRow<TaskEventRow>): TaskEventRow =>
  ({ ...stored, data: JSON.parse(stored.data as string) as TaskEventRow['data'] }) as TaskEventRow;

/** The fact that the archive keeps. */
export function factOfEvent(row: TaskEventRow): Fact {
  const { kind, data, queue, task_id, sequence, event_id, prev, at, actor } = row;
  return { kind, data, queue, task_id, sequence, id: event_id, prev, at, actor } as unknown as Fact;
}
