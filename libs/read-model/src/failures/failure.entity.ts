import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The table `failures`: each attempt that has failed with an error, whether it was retried or not. */
@Entity({ name: 'failures' })
@Index('failures_by_fingerprint', ['fingerprint', 'sequence'])
@Index('failures_by_time', ['at'])
// With queue and name, for which TypeORM has no words.
@Index('failures_by_submission', { synchronize: false })
export class FailureRow {
  /** Of the fact that tells of it. */
  @PrimaryColumn('bigint')
  sequence!: number;

  @Column('text')
  task_id!: string;

  @Column('text')
  queue!: string;

  /** Name of the handler. */
  @Column('text')
  name!: string;

  /** The same for failures of one kind. */
  @Column('text')
  fingerprint!: string;

  @Column('text')
  error_name!: string;

  /** Cut. */
  @Column('text')
  message!: string;

  @Column('timestamptz')
  at!: string;

  /** The oldest fact that it follows from. */
  @Column('bigint')
  first_sequence!: number;

  /** When the task was submitted. */
  @Column('timestamptz')
  submission!: string;
}
