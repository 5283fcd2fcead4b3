import type { Database } from '../database/database.js';
import { PROJECTION_LAG } from './projection-lag.js';
import type { ProjectionRow } from './projection.entity.js';

/** How far a projection is. */
export type ProjectionProgress = Pick<
  ProjectionRow,
  'name' | 'sequence' | 'ignored' | 'lag_ms' | 'lag_messages' | 'version' | 'updated_at'
>;

/** How far the projections are in their streams. */
export class ProjectionQueries {
  constructor(private readonly database: Database) {}

  /** By name. The lag grows while the projector is silent. */
  all(): Promise<ProjectionProgress[]> {
    return this.database.rows(
      `SELECT name, sequence, ignored, ${PROJECTION_LAG} AS lag_ms, lag_messages, version, updated_at
       FROM projections ORDER BY name`,
    );
  }
}
