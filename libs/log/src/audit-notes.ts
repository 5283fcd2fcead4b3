import { z } from 'zod';

/** Where gateways note the commands that they were given over REST. */
export const AUDIT = { noun: 'audit', verb: 'commands' } as const;

/** A command over REST, refused or not. It never has parameters, bodies or keys in it. */
export const auditEntrySchema = z.object({
  /** When it was answered. */
  at: z.iso.datetime(),
  /** `api:<name of the key>`; not there for a caller without a key that is known. */
  actor: z.string().optional(),
  role: z.string().optional(),
  /** Where it came from. */
  address: z.string(),
  method: z.string(),
  /** The operationId of the API. */
  operation: z.string(),
  /** What it was to change: `task`, `queue`, `key` and so on, */
  target_type: z.string().optional(),
  /** and which of them. */
  target: z.string().optional(),
  /** Of the answer. */
  status: z.int().min(100).max(599),
  /** Of the problem, when it was refused. */
  code: z.string().optional(),
  correlation_id: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** What a gateway was told to do since its last note. */
export const auditNoteSchema = z.object({
  /** Which gateway: it has a new name with each start. */
  gateway: z.string(),
  entries: z.array(auditEntrySchema),
  /** Commands before these that could not be kept: the log was away for too long. */
  dropped: z.int().nonnegative().optional(),
  /** Commands of callers without a known key that are only counted: there were too many of them at once. */
  unlisted: z.int().nonnegative().optional(),
});
export type AuditNote = z.infer<typeof auditNoteSchema>;
