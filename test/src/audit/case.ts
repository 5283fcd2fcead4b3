import type { Fact } from '@millrace/domain';
import type { JournalLine } from '../system/journal.js';
import type { Order } from './orders.js';

/** All that is known of one task: what was asked, what the log says, what its handler did. */
export interface Case {
  taskId: string;
  /** Undefined for a task that nobody remembers having asked for. */
  order: Order | undefined;
  facts: Fact[];
  lines: JournalLine[];
}
