import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The table `audit_commands`: each command that somebody gave over REST, taken out of the notes `ops.audit.commands`. */
@Entity({ name: 'audit_commands' })
@Index('audit_by_time', ['at', 'sequence', 'place'])
@Index('audit_by_actor', ['actor', 'at'])
// Submissions are most of it, and are found by their time.
@Index('audit_by_operation', ['operation', 'at'], { where: `operation <> 'submitTask'` })
@Index('audit_by_target', ['target', 'at'], { where: 'target IS NOT NULL' })
@Index('audit_refused', ['at'], { where: 'status >= 400' })
export class AuditCommandRow {
  /** Of the note in `OPS`. */
  @PrimaryColumn('bigint')
  sequence!: number;

  /** Its place in the note, from 0. */
  @PrimaryColumn('integer')
  place!: number;

  /** When it was answered. */
  @Column('timestamptz')
  at!: string;

  /** `api:<name of the key>`; null for a caller without a key that is known. */
  @Column('text', { nullable: true })
  actor!: string | null;

  @Column('text', { nullable: true })
  role!: string | null;

  /** Where it came from. */
  @Column('text')
  address!: string;

  @Column('text')
  method!: string;

  /** The operationId of the API. */
  @Column('text')
  operation!: string;

  /** `task`, `queue`, `key` and so on. */
  @Column('text', { nullable: true })
  target_type!: string | null;

  @Column('text', { nullable: true })
  target!: string | null;

  /** Of the answer. */
  @Column('smallint')
  status!: number;

  /** Of the problem, when it was refused. */
  @Column('text', { nullable: true })
  code!: string | null;

  @Column('text')
  correlation_id!: string;
}
