import type { Json, Kind } from '@millrace/domain';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A fact as a row. */
export abstract class FactRow {
  @PrimaryColumn('bigint')
  sequence!: number;

  @Column('text')
  task_id!: string;

  @Column('text')
  queue!: string;

  @Column('text')
  kind!: Kind;

  abstract at: string;

  /** Number of the attempt that the fact is about, if it is about one. */
  @Column('integer', { nullable: true })
  attempt!: number | null;

  @Column('text')
  actor!: string;

  /** Id of the event, made by its writer. */
  @Column('text')
  event_id!: string;

  /** The task's fact before this one; 0 for the first. */
  @Column('bigint')
  prev!: number;

  /** The body less the envelope, as it was written. */
  @Column('json')
  data!: Record<string, Json>;
}

/** The table `task_events`: every fact of the log, kept when the log has let it go. In parts, one for each day in UTC. */
@Entity({ name: 'task_events' })
@Index('task_events_by_task', ['task_id', 'sequence'])
// BRIN, for which TypeORM has no words.
@Index('task_events_by_time', { synchronize: false })
export class TaskEventRow extends FactRow {
  /** In the key, as Postgres wants it of what a table is parted by. */
  @PrimaryColumn('timestamptz')
  at!: string;
}
