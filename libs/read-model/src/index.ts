export type { AuditCommandRow } from './audit/audit-command.entity.js';
export { auditedCommand } from './audit/audited-command.js';
export type { NotedCommand } from './audit/audited-command.js';
export { ArchiveProofQueries } from './audit/archive-proof.queries.js';
export { AuditQueries } from './audit/audit.queries.js';
export type { AuditFilter, AuditListOptions, AuditPage } from './audit/audit.queries.js';
export { CleanupQueries } from './cleanup/cleanup.queries.js';
export type { CleanupFilter, DueBefore, DueCursor, DueRules } from './cleanup/cleanup.queries.js';
export { AlertQueries } from './alerts/alert.queries.js';
export type { AlertFilter } from './alerts/alert-filter.js';
export type { EndCounts, SlowTask } from './alerts/alert.queries.js';
export type { Stay, StaySpan } from './alerts/stays.js';
export { Database, openDatabase } from './database/database.js';
export type { DatabaseOptions } from './database/database.js';
export { isDatabaseAway } from './database/database-away.js';
export { dropSchema, renameSchema } from './database/schemas.js';
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
export { quantile } from './metrics/histogram.js';
export type { Histogram } from './metrics/histogram.js';
export { CHANGE_OF, COUNTERS, addMeasures, noMeasures } from './metrics/measures.js';
export type { Change, Counter, Measures } from './metrics/measures.js';
export type { MetricPoint, MetricSeries, SeriesOptions } from './metrics/metric-series.js';
export type { MetricScope } from './metrics/metric-window.js';
export { MetricsQueries } from './metrics/metrics.queries.js';
export type {
  MetricGroup,
  MetricStep,
  MetricSteps,
  MetricTotals,
  MetricWindow,
} from './metrics/metrics.queries.js';
export { LEAST_KEPT } from './metrics/spans.js';
export type { RollUpOptions, RolledUp } from './metrics/roll-up.js';
export { OffsetMovedError, TablesSwappedError } from './projections/projection-errors.js';
export { ProjectionConnection } from './projections/projection-connection.js';
export type {
  ArchivedPoint,
  ProjectionOffset,
  ProjectionOptions,
} from './projections/projection-connection.js';
export type { Lag, LogMessage } from './projections/log-message.js';
export type { RewindOptions, Rewound } from './projections/rewind.js';
export { ProjectionQueries } from './projections/projection.queries.js';
export type { ProjectionProgress } from './projections/projection.queries.js';
export { READ_MODEL_VERSION } from './projections/read-model-version.js';
export type { Applied, TaskProjection } from './projections/task-projection.js';
export type { PendingOptions, PendingPage, PendingTask } from './queues/pending-page.js';
export { QueueQueries } from './queues/queue.queries.js';
export type { QueueDepth, QueueNumbers, QueueRates, RecentRates } from './queues/queue.queries.js';
export { LiveTables } from './rebuild/live-tables.js';
export type { ArchivedBody } from './rebuild/live-tables.js';
export { compareRebuilt } from './rebuild/comparison.js';
export type { CompareOptions, Comparison, TableComparison } from './rebuild/comparison.js';
export { TablesChangedError } from './rebuild/held-projection.js';
export { ALL_TABLES, repairArchive, swapRebuilt } from './rebuild/swap.js';
export type { SwapOptions, Swapped } from './rebuild/swap.js';
export { takeOver } from './rebuild/take-over.js';
export type { TakeOverOptions } from './rebuild/take-over.js';
export { TotalQueries } from './telemetry/total.queries.js';
export type { TaskTotals } from './telemetry/total.queries.js';
export { dropIndexes } from './rebuild/indexes.js';
export { FailureQueries } from './failures/failure.queries.js';
export type { FailureCluster, FailureFilter, FailureListOptions } from './failures/failure.queries.js';
export { SearchIndexer } from './search/search-indexer.js';
export type { IndexStep } from './search/search-index.js';
export type { SearchFilter } from './search/task-search.js';
export { SweepQueries } from './sweep/sweep.queries.js';
export type { LaneFloors, ProjectionPoint, SweptTask } from './sweep/sweep.queries.js';
export { attemptsOf } from './task-events/attempts.js';
export type { AttemptFact, AttemptOutcome, TaskAttempt } from './task-events/attempts.js';
export { BLOCK_SEQUENCES, blocksByDay, dayDigest } from './task-events/archive-digest.js';
export type { BlockDigest } from './task-events/archive-digest.js';
export { ArchiveDigester } from './task-events/archive-digester.js';
export type { DigestedRange } from './task-events/archive-digester.js';
export type { Trimmed } from './task-events/archive-trim.js';
export { ArchiveTrimmer } from './task-events/archive-trimmer.js';
export { exportFacts } from './task-events/event-export.js';
export type { ExportFilter, ExportedFact } from './task-events/event-export.js';
export { sequenceAt } from './task-events/sequence-at.js';
export type { TaskEventRow } from './task-events/task-event.entity.js';
export type { TaskPhase, TaskRow, TaskSummary } from './tasks/task.entity.js';
export { BadCursorError, TASK_SORTS } from './tasks/task-list.js';
export type { TaskFilter, TaskListOptions, TaskSort } from './tasks/task-list.js';
export { notesOf, rowOf, stateOf } from './tasks/task.mapping.js';
export type { TaskNotes } from './tasks/task.mapping.js';
export type { DueNote } from './tasks/task.projection.js';
export { POSITION_LIMIT, TaskQueries } from './tasks/task.queries.js';
export type { DecidableTask, EventRange, ProjectionState, TaskPage } from './tasks/task.queries.js';
export { LOOKED_AT_MOST } from './travel/past-list.js';
export type { PastListOptions, PastPage } from './travel/past-list.js';
export type { PastStanding } from './travel/past-standing.js';
export { TravelQueries } from './travel/travel.queries.js';
