import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The table `projections`: how far each projection has read which log. */
@Entity({ name: 'projections' })
export class ProjectionRow {
  @PrimaryColumn('text')
  name!: string;

  /** Sequence of the last message that is in the tables. */
  @Column('bigint')
  sequence!: number;

  /** Tells whether the log still holds the same message there. */
  @Column('text')
  fingerprint!: string;

  /** When the stream was made: another time means another log. */
  @Column('text')
  stream_created_at!: string;

  /** Messages passed over because nothing could be made of them. */
  @Column('bigint')
  ignored!: number;

  /** How old the last message was when it was written, in milliseconds. */
  @Column('bigint')
  lag_ms!: number;

  /** Messages of the log that were not in the tables at the last look. */
  @Column('bigint')
  lag_messages!: number;

  /** Last sign of life of the projector. */
  @Column('timestamptz')
  updated_at!: string;

  /** How often the tables were exchanged for others: whoever writes must see that they are those it knows. */
  @Column('bigint', { default: 0 })
  generation!: number;

  /** Of the code that folded all that is in the tables. */
  @Column('text', { default: '1' })
  version!: string;
}
