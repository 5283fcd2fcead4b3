import { comparedMetrics } from './metric-comparison.js';

/** A table that is a function of the log, written in the batches of the projection. */
export interface ProjectionTable {
  name: string;
  /** The columns that tell its rows apart. */
  key: readonly string[];
  /** The column with the sequence of the oldest fact that a row is made of; without one, any fact may be in any row. */
  since?: string;
  /** How it is compared, where it is not row by row: what is counted, and a query of (key, live, rebuilt, different). */
  comparison?: { counted: string; differences: (live: string, rebuilt: string) => string };
}

/** What a rebuild makes anew and a swap exchanges. */
export const PROJECTION_TABLES: readonly ProjectionTable[] = [
  { name: 'tasks', key: ['id'], since: 'first_sequence' },
  { name: 'failures', key: ['sequence'], since: 'first_sequence' },
  {
    name: 'metrics',
    key: ['span', 'at', 'queue', 'name'],
    comparison: { counted: `span = 'minute'`, differences: comparedMetrics },
  },
];

/** Stays where it is: of what has left the log there is no other copy. The facts that the log has are compared with it. */
export const ARCHIVE_TABLE: ProjectionTable = { name: 'task_events', key: ['sequence'], since: 'sequence' };
