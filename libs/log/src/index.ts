export type { LaneInfo, LogState } from './admin.js';
export {
  ANCHOR,
  RELEASE,
  WITHDRAWAL,
  anchorSchema,
  releaseSchema,
  withdrawalSchema,
} from './anchor-notes.js';
export type { Anchor, AnchoredDay } from './anchor-notes.js';
export { AUDIT, auditEntrySchema, auditNoteSchema } from './audit-notes.js';
export type { AuditEntry, AuditNote } from './audit-notes.js';
export { alertNoteSchema } from './alert-records.js';
export type { AlertNote, AlertRecord, WebhookRecord } from './alert-records.js';
export { CHAIN_START, chainEndOf, verifyChain } from './chain.js';
export type { ChainEnd, ChainFault, ChainReport } from './chain.js';
export { dataSchemas, envelopeSchema, progressSchema, BODY_VERSION, KIND_MEANINGS } from './bodies.js';
export type { SchemasReadTheDomain } from './bodies.js';
export { operationRecordSchema, rebuildRecordSchema, workerRecordSchema } from './bucket-records.js';
export type {
  HandlerRecord,
  KeyRecord,
  LeaseRecord,
  QueueRecord,
  UniqueRecord,
  QueueSettings,
  OperationRecord,
  RebuildRecord,
  SlotRecord,
  WorkerRecord,
} from './bucket-records.js';
export { Bucket } from './buckets.js';
export type { Buckets, Entry } from './buckets.js';
export type { ChangeOptions } from './changes.js';
export { CLEANUP, cleanupNoteSchema, cleanupReportSchema } from './cleanup-calls.js';
export type { CleanupAnswer, CleanupNote, CleanupReport, CleanupRequest } from './cleanup-calls.js';
export { decodeDue, decodeFact, encodeFact, encodeTimer, factOf } from './codec.js';
export type { DueTicket } from './codec.js';
export {
  BadBodyError,
  ConcurrencyError,
  LogRefusedError,
  LogUnavailableError,
  LogWentBackError,
} from './errors.js';
export type { Follower, FollowOptions } from './follower.js';
export type { KeptFacts } from './kept.js';
export { LINE_BYTES, logLineSchema } from './log-lines.js';
export type { LogLine } from './log-lines.js';
export type { Drift } from './provision.js';
export { settlePause } from './queue-pause.js';
export type { Settled } from './queue-pause.js';
export type { Reader } from './reader.js';
export { RecordLostError, recordsOf } from './records.js';
export type { Records } from './records.js';
export {
  REORDER,
  readNote,
  reorderOutcomeSchema,
  reorderPlanSchema,
  reorderRequestSchema,
} from './reorder-notes.js';
export type { ReorderOutcome, ReorderPlan, ReorderRequest } from './reorder-notes.js';
export type { StoredMessage } from './requests.js';
export type { RunRef } from './runs.js';
export type { Signal } from './signals.js';
export { lift } from './upcast.js';
export { TaskLog } from './task-log.js';
export type { LogOptions } from './task-log.js';
export type { Ticket } from './ticket.js';
export type { PullOptions, TicketPuller } from './ticket-puller.js';
export * from './topology.js';
export type { WriteOptions } from './writer.js';
