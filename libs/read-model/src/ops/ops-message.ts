import type { AuditCommandRow } from '../audit/audit-command.entity.js';

/** The row of `projections` that tells how far the stream `OPS` was read; all other rows are of the log of the tasks. */
export const OPS_PROJECTION = 'ops';

/** A command as its note tells it. */
export type AuditedCommand = Omit<AuditCommandRow, 'sequence' | 'place'>;

/** A note of the stream `OPS` as its projection wants it. */
export interface OpsNote {
  noun: string;
  verb: string;
  at: string;
  actor: string | null;
  /** The whole body, as it was written. */
  data: string;
  /** What it tells of commands over REST; none in most notes. */
  commands: readonly AuditedCommand[];
}

/** A message of the stream `OPS`. */
export interface OpsMessage {
  sequence: number;
  /** Tells this message from any other that may stand there one day; asked of the last of each batch only. */
  fingerprint: () => string;
  /** Undefined when nothing could be made of it: it is counted and passed over. */
  note: OpsNote | undefined;
}
