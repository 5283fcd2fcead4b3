import { z } from 'zod';
import { ROLES } from '../auth/roles.js';

const MOST = 500;
const DEFAULT_LIMIT = 50;

const time = z.iso.datetime({ error: 'must be a time in UTC, as 2026-03-01T09:30:00Z.' });
const text = z.string().min(1).max(128);
const limit = z.coerce.number().int().min(1).max(MOST).default(DEFAULT_LIMIT);
const sequence = z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const period = {
  since: time.optional().meta({ description: 'From this time on, inclusive' }),
  until: time.optional().meta({ description: 'Up to this time, exclusive' }),
};

export const ListAudit = z.strictObject({
  actor: text.optional().meta({ description: '`api:<name of the key>`' }),
  operation: text.optional().meta({ description: 'The operationId, as cancelTask' }),
  outcome: z.enum(['accepted', 'refused']).optional(),
  code: text.optional().meta({ description: 'Of the problem it was refused with' }),
  target: text.optional().meta({ description: 'Id of a task, name of a queue, …' }),
  ...period,
  limit,
  cursor: z.string().max(256).optional(),
});
export type ListAudit = z.infer<typeof ListAudit>;

const nullable = z.string().nullable();

export const AuditedCommandView = z
  .object({
    at: z.string().meta({ description: 'When it was answered' }),
    actor: nullable.meta({ description: '`api:<name of the key>`; null without a known key' }),
    role: z.enum(ROLES).nullable(),
    address: z.string().meta({ description: 'Where it came from' }),
    method: z.string(),
    operation: z.string().meta({ description: 'The operationId' }),
    target: z.object({ type: z.string(), id: z.string() }).nullable(),
    outcome: z.enum(['accepted', 'refused']),
    status: z.int().meta({ description: 'Of the answer' }),
    code: nullable.meta({ description: 'Of the problem, when it was refused' }),
    correlation_id: z.string(),
    sequence: z.int().meta({ description: 'Of its note in the stream OPS' }),
  })
  .meta({ id: 'AuditedCommand' });
export type AuditedCommandView = z.infer<typeof AuditedCommandView>;

export const AuditList = z
  .object({ items: z.array(AuditedCommandView), next_cursor: z.string().nullable() })
  .meta({ id: 'AuditList' });
export type AuditList = z.infer<typeof AuditList>;

export const ListNotes = z.strictObject({
  noun: text.optional().meta({ description: 'What it was done to, as queue; without it all but audit' }),
  verb: text.optional().meta({ description: 'What was done, as paused' }),
  actor: text.optional(),
  ...period,
  limit,
  cursor: z.string().max(32).optional(),
});
export type ListNotes = z.infer<typeof ListNotes>;

export const NoteView = z
  .object({
    sequence: z.int().meta({ description: 'In the stream OPS' }),
    noun: z.string(),
    verb: z.string(),
    at: z.string(),
    actor: nullable,
    data: z.looseObject({}).meta({ description: 'The whole note' }),
  })
  .meta({ id: 'OperationNote' });
export type NoteView = z.infer<typeof NoteView>;

export const NoteList = z
  .object({ items: z.array(NoteView), next_cursor: z.string().nullable() })
  .meta({ id: 'OperationNoteList' });
export type NoteList = z.infer<typeof NoteList>;

export const VerifyAudit = z.strictObject({
  from: sequence.default(1).meta({ description: 'The first sequence of OPS' }),
  to: sequence.optional().meta({ description: 'The last one; without it, all' }),
});
export type VerifyAudit = z.infer<typeof VerifyAudit>;

export const AuditVerdict = z
  .object({
    valid: z.boolean(),
    notes: z.int().meta({ description: 'Notes of OPS that were looked at' }),
    chained: z.int().meta({ description: 'Those of them that are the chain' }),
    last: z.object({ sequence: z.int(), hash: z.string() }).nullable().meta({
      description: 'The last note of the chain: keep it elsewhere, to see later whether it is still there',
    }),
    archive: z
      .enum(['compared', 'unavailable'])
      .meta({ description: 'Whether Postgres was there to be compared' }),
    anchored: z
      .object({
        facts: z.int().meta({ description: 'That are as they were' }),
        facts_not_kept: z.int().meta({ description: 'Of days that the retention let go: no fault' }),
        withdrawn: z.int().meta({
          description: 'Anchors that hold no more, since the log went back or the archive was repaired',
        }),
      })
      .meta({ description: 'Facts in the archive that these notes anchor' }),
    fault: z
      .object({
        where: z
          .enum(['stream', 'archive', 'facts'])
          .meta({ description: 'The stream OPS, its archive, or the archive of facts' }),
        sequence: z.int().meta({ description: 'Of OPS; of TASKS where it is in the facts' }),
        reason: z.string(),
      })
      .nullable()
      .meta({ description: 'The first place that is not as it was written' }),
    next_from: z.int().nullable().meta({ description: 'Where to go on; null at the end' }),
  })
  .meta({ id: 'AuditVerdict' });
export type AuditVerdict = z.infer<typeof AuditVerdict>;

const cancelled: AuditedCommandView = {
  at: '2026-03-01T09:30:00.000Z',
  actor: 'api:nightly-import',
  role: 'operator',
  address: '10.0.0.7',
  method: 'DELETE',
  operation: 'cancelTask',
  target: { type: 'task', id: '0198f3a2-7c1b-7d3e-9f00-2b6d8c1e4a55' },
  outcome: 'accepted',
  status: 200,
  code: null,
  correlation_id: 'b7e0c1de-6c5a-4c58-9d4f-0d5f6f1d2a10',
  sequence: 4711,
};

export const auditExamples = {
  list: {
    items: [
      { ...cancelled, outcome: 'refused', status: 400, code: 'task/already-succeeded', sequence: 4712 },
      cancelled,
    ],
    next_cursor: null,
  } satisfies AuditList,
  notes: {
    items: [
      {
        sequence: 4709,
        noun: 'queue',
        verb: 'paused',
        at: '2026-03-01T09:29:00.000Z',
        actor: 'api:nightly-import',
        data: {
          id: '5f0c2a71-3',
          at: '2026-03-01T09:29:00.000Z',
          actor: 'api:nightly-import',
          queue: 'films',
          prev: 0,
        },
      },
    ],
    next_cursor: null,
  } satisfies NoteList,
  valid: {
    valid: true,
    notes: 4712,
    chained: 4015,
    last: { sequence: 4712, hash: '9b74c9897bac770ffc029102a200c5de11d8b2a7d9e0c4c5c0f5f6f1d2a10b7e' },
    archive: 'compared',
    anchored: { facts: 182_400, facts_not_kept: 0, withdrawn: 0 },
    fault: null,
    next_from: null,
  } satisfies AuditVerdict,
};
