export type { AuditCommandRow } from './audit/audit-command.entity.js';
export { AuditQueries } from './audit/audit.queries.js';
export type { AuditFilter, AuditListOptions, AuditPage } from './audit/audit.queries.js';
export { Database, openDatabase } from './database/database.js';
export type { DatabaseOptions } from './database/database.js';
export { isDatabaseAway } from './database/database-away.js';
export { dropSchema } from './database/drop-schema.js';
export { migrate } from './database/migrate.js';
export type { MigrateOptions } from './database/migrate.js';
export { ExplainQueries } from './explain/explain.queries.js';
export type { RunningRow } from './explain/explain.queries.js';
export { LimitQueries } from './limits/limit.queries.js';
export type { LimitedRow } from './limits/limit.queries.js';
export { LaneQueries } from './lanes/lane.queries.js';
export type { AgedTask, HeldPlace } from './lanes/lane.queries.js';
export { OpsConnection } from './ops/ops-connection.js';
export type { AuditedCommand, OpsMessage, OpsNote } from './ops/ops-message.js';
export type { OpsProjection } from './ops/ops-projection.js';
export { OpsQueries } from './ops/ops.queries.js';
export type { ArchivedNote, OpsFilter, OpsListOptions } from './ops/ops.queries.js';
export { OffsetMovedError } from './projections/projection-errors.js';
export { ProjectionConnection } from './projections/projection-connection.js';
export type {
  ArchivedPoint,
  ProjectionOffset,
  ProjectionOptions,
} from './projections/projection-connection.js';
export type { Lag, LogMessage } from './projections/log-message.js';
export type { RewindOptions, Rewound } from './projections/rewind.js';
export type { Applied, TaskProjection } from './projections/task-projection.js';
export type { PendingOptions, PendingPage, PendingTask } from './queues/pending-page.js';
export { QueueQueries } from './queues/queue.queries.js';
export type { QueueDepth, QueueNumbers, QueueRates, RecentRates } from './queues/queue.queries.js';
export { compareRebuilt } from './rebuild/comparison.js';
export type { CompareOptions, Comparison, TableComparison } from './rebuild/comparison.js';
export { SweepQueries } from './sweep/sweep.queries.js';
export type { LaneFloors, ProjectionPoint, SweptTask } from './sweep/sweep.queries.js';
export { attemptsOf } from './task-events/attempts.js';
export type { AttemptFact, AttemptOutcome, TaskAttempt } from './task-events/attempts.js';
export { sequenceAt } from './task-events/sequence-at.js';
export type { TaskEventRow } from './task-events/task-event.entity.js';
export type { TaskPhase, TaskRow, TaskSummary } from './tasks/task.entity.js';
export { BadCursorError, TASK_SORTS } from './tasks/task-list.js';
export type { TaskFilter, TaskListOptions, TaskSort } from './tasks/task-list.js';
export { notesOf, rowOf, stateOf } from './tasks/task.mapping.js';
export type { TaskNotes } from './tasks/task.mapping.js';
export type { DueNote } from './tasks/task.projection.js';
export { POSITION_LIMIT, TaskQueries } from './tasks/task.queries.js';
export type { DecidableTask, ProjectionState, TaskPage } from './tasks/task.queries.js';
