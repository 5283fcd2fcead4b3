import type {
  Branching,
  Json,
  Lane,
  Progress,
  RetryPolicy,
  TaskError,
  TaskState,
  TaskStatus,
} from '@millrace/domain';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The phases of a task that exists. */
export type TaskPhase = Exclude<TaskState['phase'], 'none'>;

/**
 * The table `tasks`: one flat row per task, the domain's state written down, with what a reader of many tasks needs beside it. Every
 * column follows from the log alone, so that a rebuild gives the same rows. Times are UTC in ISO-8601, numbers of the stream are numbers.
 *
 * JSON is kept as `json`, not `jsonb`: as it was written, and a `\u0000` or half a surrogate pair in somebody's parameters, which `jsonb`
 * refuses, cannot stop the projection.
 */
@Entity({ name: 'tasks' })
@Index('tasks_by_submission', ['submitted_at'])
// With the phase in it, for which TypeORM has no words: finished tasks are counted in the index alone.
@Index('tasks_by_sequence', { synchronize: false })
@Index('tasks_by_queue', ['queue', 'submitted_at'])
@Index('tasks_by_name', ['name', 'submitted_at'])
@Index('tasks_by_status', ['status', 'submitted_at'], { where: `status <> 'SUCCESS'` })
@Index('tasks_by_user', ['user_id', 'submitted_at'], { where: 'user_id IS NOT NULL' })
@Index('tasks_by_worker', ['worker', 'submitted_at'], { where: 'worker IS NOT NULL' })
@Index('tasks_by_tag', ['tags'], { type: 'gin', where: 'tags IS NOT NULL' })
@Index('tasks_by_turn', ['queue', 'lane_rank', 'turn'], { where: 'turn IS NOT NULL' })
@Index('tasks_running', ['queue', 'lane_rank', 'ticket'], { where: `phase = 'running'` })
@Index('tasks_by_start', ['started_at'], { where: `phase = 'running'` })
// With the turn in it: what waits for its time is counted in the index alone.
@Index('tasks_by_until', { synchronize: false })
@Index('tasks_by_signal', ['sequence'], {
  where: `waiting_for LIKE 'signal:%' AND phase IN ('held', 'scheduled')`,
})
@Index('tasks_by_expiry', ['expires_at'], {
  where: `expires_at IS NOT NULL AND begun = 0 AND phase IN ('ready', 'scheduled', 'held')`,
})
// An expression, for which TypeORM has no words: the branches of a task.
@Index('tasks_by_origin', { synchronize: false })
@Index('tasks_held', ['queue', 'lane_rank', 'rank'], { where: `phase = 'held' AND waiting_for = 'slot'` })
@Index('tasks_by_operation', ['operation'], { where: 'operation IS NOT NULL' })
@Index('tasks_live', ['first_sequence'], {
  where: `phase NOT IN ('succeeded', 'failed', 'cancelled', 'cleaned')`,
})
@Index('tasks_to_clean', ['finished_at'], { where: `phase IN ('failed', 'cancelled')` })
@Index('tasks_failed', ['sequence'], { where: `phase = 'failed'` })
@Index('tasks_succeeded', ['queue', 'finished_at'], { where: `phase = 'succeeded'` })
// By the name in it, an expression.
@Index('tasks_by_error', { synchronize: false })
@Index('tasks_by_reason', ['reason', 'submitted_at'], { where: 'reason IS NOT NULL' })
export class TaskRow {
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  queue!: string;

  /** Name of the handler that runs it. */
  @Column('text')
  name!: string;

  /** What the API calls the state. */
  @Column('text')
  status!: TaskStatus;

  /** What the domain calls the state; tells PENDING apart. */
  @Column('text')
  phase!: TaskPhase;

  /** Where it waits or was claimed: known of ready, scheduled and running tasks. */
  @Column('text', { nullable: true })
  lane!: Lane | null;

  /** Place of the lane in the order of service; 0 is served first. */
  @Column('smallint', { nullable: true })
  lane_rank!: number | null;

  /** Sequence of the ticket of a ready or running task. */
  @Column('bigint', { nullable: true })
  ticket!: number | null;

  /** Sequence of the ticket by which it waits in a lane now: that of a ready task, or the fired timer of a wait. */
  @Column('bigint', { nullable: true })
  turn!: number | null;

  /** Set while it fills a slot of the limits of its queue, ready or running. */
  @Column('boolean', { nullable: true })
  slot!: true | null;

  /** Place among those that wait in the same lane for a slot, the least first. */
  @Column('double precision', { nullable: true })
  rank!: number | null;

  @Column('smallint')
  priority!: number;

  /** Attempts begun so far: the number of the current or last one. */
  @Column('integer')
  begun!: number;

  /** Attempts that failed since the submission or the last redrive. */
  @Column('integer')
  failed!: number;

  /** Attempts lost in a row with their worker. */
  @Column('integer')
  lost!: number;

  @Column('json')
  retry!: RetryPolicy;

  /** Seconds. */
  @Column('double precision')
  soft_time_limit!: number;

  /** Seconds. */
  @Column('double precision')
  time_limit!: number;

  @Column('timestamptz')
  submitted_at!: string;

  @Column('timestamptz', { nullable: true })
  expires_at!: string | null;

  @Column('text', { array: true, nullable: true })
  tags!: string[] | null;

  @Column('text', { nullable: true })
  user_id!: string | null;

  @Column('text', { nullable: true })
  correlation_id!: string | null;

  @Column('text', { nullable: true })
  unique_key!: string | null;

  @Column('text', { nullable: true })
  concurrency_key!: string | null;

  /** Undefined while no fact that was read holds them; JSON's null is null. */
  @Column('json', { nullable: true })
  parameters!: Json | undefined;

  /** Sequence of the fact that holds the parameters. */
  @Column('bigint')
  input!: number;

  /** Sequence of the last checkpoint; 0 without one. */
  @Column('bigint')
  checkpoint!: number;

  /** Sequence of the last step since that checkpoint; 0 without one. */
  @Column('bigint')
  step!: number;

  /** The run it branched from, if it is a branch. */
  @Column('json', { nullable: true })
  branched_from!: Branching | null;

  /** Worker of the current or last attempt. */
  @Column('text', { nullable: true })
  worker!: string | null;

  /** Sequence of the `started` fact of the current or last attempt: its fencing token. */
  @Column('bigint', { nullable: true })
  token!: number | null;

  /** Start of the current or last attempt. */
  @Column('timestamptz', { nullable: true })
  started_at!: string | null;

  /** Last report in the log of the current or last attempt. */
  @Column('json', { nullable: true })
  progress!: Progress | null;

  /** Undefined unless the task succeeded. */
  @Column('json', { nullable: true })
  result!: Json | undefined;

  /** Of a failed task, or of the attempt whose retry is awaited. */
  @Column('json', { nullable: true })
  error!: TaskError | null;

  /** Why it is scheduled, paused, failed or cancelled. */
  @Column('text', { nullable: true })
  reason!: string | null;

  /** Status of a cancelled task before. */
  @Column('text', { nullable: true })
  previous_status!: string | null;

  /** What a held task waits for, or one that waits for a signal with a time limit. */
  @Column('text', { nullable: true })
  waiting_for!: string | null;

  /** Of a cancelled task: the operation on many tasks that it was cancelled by. */
  @Column('text', { nullable: true })
  operation!: string | null;

  /** Not before this time: of a scheduled task, or a delayed one that was paused. */
  @Column('timestamptz', { nullable: true })
  until!: string | null;

  /** Sequence of the last ticket that the timer of this wait has fired. */
  @Column('bigint', { nullable: true })
  due_ticket!: number | null;

  /** When the server stored that ticket. */
  @Column('timestamptz', { nullable: true })
  due_at!: string | null;

  /** The oldest fact that the task needs in the log: its first one, or the carried wait that holds all before. */
  @Column('bigint')
  first_sequence!: number;

  /** The last fact. */
  @Column('bigint')
  sequence!: number;

  @Column('timestamptz')
  updated_at!: string;

  @Column('timestamptz', { nullable: true })
  finished_at!: string | null;

  /** Set from a resume until the task has ended. */
  @Column('boolean', { nullable: true })
  resumed!: true | null;

  /** Of a task that was cleaned up: nothing of it is here but how it ended. */
  @Column('timestamptz', { nullable: true })
  cleaned_at!: string | null;
}

/** A task as lists show it: without what may be long. */
export type TaskSummary = Omit<TaskRow, 'parameters' | 'result'>;
