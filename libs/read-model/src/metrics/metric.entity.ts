import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How long the time is that a row of `metrics` tells of. */
export type MetricSpan = 'minute' | 'hour' | 'day';

/**
 * The table `metrics`: what the facts of a span of time have in sum, for each queue and task name. Each fact is in one row of minutes,
 * and, once that is rolled up, in one of hours and one of days.
 */
@Entity({ name: 'metrics' })
@Index('metrics_open', ['at'], { where: 'NOT rolled' })
export class MetricRow {
  @PrimaryColumn('text')
  span!: MetricSpan;

  /** Start of the span, in UTC. */
  @PrimaryColumn('timestamptz')
  at!: string;

  @PrimaryColumn('text')
  queue!: string;

  @PrimaryColumn('text')
  name!: string;

  /** Of a minute: whether its hour and its day have it. Of an hour or a day: true. */
  @Column('boolean')
  rolled!: boolean;

  @Column('bigint')
  submitted!: number;

  /** Attempts begun. */
  @Column('bigint')
  started!: number;

  @Column('bigint')
  completed!: number;

  /** Tasks that ended so: dead letters. */
  @Column('bigint')
  failed!: number;

  /** Failed attempts that are tried again. */
  @Column('bigint')
  retried!: number;

  @Column('bigint')
  cancelled!: number;

  /** Attempts lost with their worker. */
  @Column('bigint')
  lost!: number;

  @Column('bigint')
  paused!: number;

  /** Resumes of paused and failed tasks. */
  @Column('bigint')
  resumed!: number;

  /** Tasks that completed after a resume. */
  @Column('bigint')
  resumed_completed!: number;

  /** Tasks that failed after a resume. */
  @Column('bigint')
  resumed_failed!: number;

  /** Retries of failed tasks by hand. */
  @Column('bigint')
  redriven!: number;

  /** Tasks that were given another place: by a reorder, to the front or back, by another priority. */
  @Column('bigint')
  reordered!: number;

  /** By how much the number of tasks in the status has changed; so the next seven. */
  @Column('bigint')
  in_pending!: number;

  @Column('bigint')
  in_started!: number;

  @Column('bigint')
  in_processing!: number;

  @Column('bigint')
  in_success!: number;

  @Column('bigint')
  in_failure!: number;

  @Column('bigint')
  in_retry!: number;

  @Column('bigint')
  in_revoked!: number;

  @Column('bigint')
  in_paused!: number;

  /** Of those in PENDING: tasks that are held. */
  @Column('bigint')
  in_held!: number;

  /** Of those in PENDING: tasks that wait for a time. */
  @Column('bigint')
  in_delayed!: number;

  /** Starts whose wait was measured. */
  @Column('bigint')
  waits!: number;

  /** Sum of the waits, in microseconds. */
  @Column('bigint')
  wait_us!: number;

  /** Attempts whose duration was measured. */
  @Column('bigint')
  runs!: number;

  /** Sum of the durations, in microseconds. */
  @Column('bigint')
  run_us!: number;

  /** Which buckets of the waits are not empty. */
  @Column('smallint', { array: true })
  wait_buckets!: number[];

  /** How many waits are in each of them. */
  @Column('integer', { array: true })
  wait_counts!: number[];

  @Column('smallint', { array: true })
  run_buckets!: number[];

  @Column('integer', { array: true })
  run_counts!: number[];
}
