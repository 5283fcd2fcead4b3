import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A note of the stream `OPS` as a row. */
export abstract class NoteRow {
  @PrimaryColumn('bigint')
  sequence!: number;

  /** What it was done to: `queue`, `task`, `audit`. */
  @Column('text')
  noun!: string;

  /** What was done: `paused`, `repaired`, `commands`. */
  @Column('text')
  verb!: string;

  /** As the note says it, else when the broker stored it. */
  @Column('timestamptz')
  at!: string;

  /** Who did it; null when the note does not say so. */
  @Column('text', { nullable: true })
  actor!: string | null;

  /** The whole body, as it was written. */
  @Column('json')
  data!: string;
}

/** The table `ops_events`: what operators and repairs did. */
@Entity({ name: 'ops_events' })
@Index('ops_events_by_noun', ['noun', 'verb', 'sequence'])
// All but the audit of commands, which is most of it and has a table of its own.
@Index('ops_events_notes', ['sequence'], { where: `noun <> 'audit'` })
export class OpsEventRow extends NoteRow {}

/** The table `lost_ops_events`: notes that were projected, and that the stream no longer had afterwards. */
@Entity({ name: 'lost_ops_events' })
export class LostOpsEventRow extends NoteRow {
  /** When the projector found out. */
  @PrimaryColumn('timestamptz')
  lost_at!: string;
}
