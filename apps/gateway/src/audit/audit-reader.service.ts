import { Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import { BadCursorError } from '@millrace/read-model';
import type { ArchivedNote, AuditCommandRow } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import { openAuditArchive } from './audit-archive.js';
import type { AuditArchive } from './audit-archive.js';
import { checkAudit } from './audit-check.js';
import type { AuditFindings } from './audit-check.js';
import type {
  AuditList,
  AuditVerdict,
  AuditedCommandView,
  ListAudit,
  ListNotes,
  NoteList,
  NoteView,
  VerifyAudit,
} from './audit.schema.js';

/** One request looks at so many notes, or facts that they speak of; the next goes on. */
const NOTES_AT_MOST = 500;
const FACTS_AT_MOST = 200_000;

/** Tells who did what, and whether that is still as it was written. */
@Injectable()
export class AuditReader {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
    private readonly archive: Archive,
  ) {}

  async commands(query: ListAudit): Promise<AuditList> {
    const { items, next_cursor } = await this.archive.audit.list(query);
    return { items: items.map(viewOf), next_cursor };
  }

  async notes({ cursor, limit, ...filter }: ListNotes): Promise<NoteList> {
    const rows = await this.archive.ops.list({ ...filter, before: sequenceIn(cursor), limit: limit + 1 });
    const items = rows.slice(0, limit);
    const next = rows.length > limit ? items.at(-1)?.sequence : undefined;
    return { items: items.map(noteOf), next_cursor: next === undefined ? null : String(next) };
  }

  /** @throws ProblemError `log/unavailable` */
  async verify({ from, to = Number.MAX_SAFE_INTEGER }: VerifyAudit): Promise<AuditVerdict> {
    await this.gate.pass();
    const archive = await this.#archiveIfThere();
    const findings = await checkAudit(this.log, archive, {
      from,
      to,
      limit: NOTES_AT_MOST,
      facts: FACTS_AT_MOST,
    });
    return verdictOf(findings, archive ? 'compared' : 'unavailable');
  }

  async #archiveIfThere(): Promise<AuditArchive | undefined> {
    try {
      return await openAuditArchive(this.archive);
    } catch (error) {
      if (error instanceof ProblemError) return undefined;
      throw error;
    }
  }
}

const viewOf = ({ target_type, target, role, place: _, ...row }: AuditCommandRow): AuditedCommandView => ({
  ...row,
  role: role as AuditedCommandView['role'],
  target: target_type === null || target === null ? null : { type: target_type, id: target },
  outcome: row.status >= 400 ? 'refused' : 'accepted',
});

const noteOf = ({ data, ...row }: ArchivedNote): NoteView => ({
  ...row,
  data: JSON.parse(data) as NoteView['data'],
});

const verdictOf = (
  { notes, chained, end, anchored, fault, next }: AuditFindings,
  archive: AuditVerdict['archive'],
): AuditVerdict => ({
  valid: fault === undefined,
  notes,
  chained,
  last: end ?? null,
  archive,
  anchored: {
    facts: anchored.facts,
    facts_not_kept: anchored.notKept,
    withdrawn: anchored.withdrawn,
  },
  fault: fault ?? null,
  next_from: next ?? null,
});

function sequenceIn(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (!/^\d{1,15}$/.test(cursor)) {
    const { message } = new BadCursorError();
    throw new ProblemError('request/invalid', message, { errors: [{ path: 'cursor', message }] });
  }
  return Number(cursor);
}
