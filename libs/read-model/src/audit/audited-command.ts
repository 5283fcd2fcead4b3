import type { AuditedCommand } from '../ops/ops-message.js';

/** The parts of a command that its note may leave out. */
type MayBeMissing = 'actor' | 'role' | 'target_type' | 'target' | 'code';

/** A command as it stands in a note. */
export type NotedCommand = Omit<AuditedCommand, MayBeMissing> &
  Partial<Record<MayBeMissing, string | undefined>>;

/** A command of a note as its row has it. */
export const auditedCommand = (noted: NotedCommand): AuditedCommand => ({
  at: noted.at,
  actor: noted.actor ?? null,
  role: noted.role ?? null,
  address: noted.address,
  method: noted.method,
  operation: noted.operation,
  target_type: noted.target_type ?? null,
  target: noted.target ?? null,
  status: noted.status,
  code: noted.code ?? null,
  correlation_id: noted.correlation_id,
});
