import type { Fact } from '@millrace/domain';
import type { DueNote } from '../tasks/task.projection.js';

/** A message of the log as the projection wants it. Its reader, not the read model, knows subjects and bodies. */
export type LogMessage = {
  /** Sequence in the stream. */
  sequence: number;
  /** Tells this message from any other that may stand there one day; asked of the last of each batch only. */
  fingerprint: () => string;
} & (
  | {
      type: 'fact';
      fact: Fact;
      /** The data of the fact as JSON, as it stands in the log. */
      data: string;
    }
  | { type: 'due'; due: DueNote }
  /** Nothing could be made of it: it is counted and passed over. */
  | { type: 'junk' }
);

/** How far the tables are behind the log. */
export interface Lag {
  lag_ms: number;
  lag_messages: number;
}
