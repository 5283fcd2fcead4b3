import { Column, Entity, PrimaryColumn } from 'typeorm';
import { FactRow } from './task-event.entity.js';

/**
 * The table `lost_task_events`: facts that were projected, and that the log no longer had afterwards (power loss, a restored backup).
 * What somebody was told is not thrown away.
 */
@Entity({ name: 'lost_task_events' })
export class LostTaskEventRow extends FactRow {
  @Column('timestamptz')
  at!: string;

  /** When the projector found out. */
  @PrimaryColumn('timestamptz')
  lost_at!: string;
}
