import { isDeepStrictEqual } from 'node:util';
import {
  ANCHOR,
  AUDIT,
  auditNoteSchema,
  chainEndOf,
  parseOp,
  streams,
  subjects,
  verifyChain,
} from '@millrace/log';
import type { ChainEnd, ChainFault, StoredMessage, TaskLog } from '@millrace/log';
import { auditedCommand } from '@millrace/read-model';
import type { ArchivedNote, AuditCommandRow } from '@millrace/read-model';
import { checkAnchor, readArchiveEvents } from './anchor-check.js';
import type { AnchorCount, ArchiveEvents } from './anchor-check.js';
import type { AuditArchive } from './audit-archive.js';

/** What is read of the log. */
export type AuditLog = Pick<TaskLog, 'read'>;

export interface AuditRange {
  /** The first sequence of `OPS`. */
  from: number;
  /** The last one. */
  to: number;
  /** Notes that are looked at, at most. */
  limit: number;
  /** Archived facts that are looked at, at most, and half a million more. */
  facts: number;
}

/** What a check has found. It ends with the first fault. */
export interface AuditFindings {
  /** Notes of `OPS` that were looked at, and those of them that are the chain of commands. */
  notes: number;
  chained: number;
  /** The last note of the chain: note it elsewhere, and what is taken from the end later is found out. */
  end: ChainEnd | undefined;
  /** Facts in the archive that anchors of these notes speak of. */
  anchored: AnchorCount;
  /** `facts`: the sequence is that of `TASKS`, else of `OPS`. */
  fault: (ChainFault & { where: 'stream' | 'archive' | 'facts' }) | undefined;
  /** Where to go on; undefined at the end. */
  next: number | undefined;
}

const NOTES_AT_ONCE = 50;

/**
 * Looks whether the chain holds, whether the archive of `OPS` tells the same as the stream, and whether the archive of facts is as the
 * chain says.
 *
 * @param archive undefined while Postgres is away: then the stream alone is looked at
 */
export async function checkAudit(
  log: AuditLog,
  archive: AuditArchive | undefined,
  { from, to, limit, facts }: AuditRange,
): Promise<AuditFindings> {
  const findings: AuditFindings = {
    notes: 0,
    chained: 0,
    end: await chainBefore(log, from),
    anchored: { facts: 0, notKept: 0, withdrawn: 0 },
    fault: undefined,
    next: from,
  };
  const events = await readArchiveEvents(log);
  const isMore = (): boolean => findings.notes < limit && findings.anchored.facts < facts;
  while (findings.next !== undefined && !findings.fault && isMore()) {
    const begin = findings.next;
    const found = await log.read.notesFrom(begin, Math.min(NOTES_AT_ONCE, limit - findings.notes));
    const notes = found.filter(({ sequence }) => sequence <= to);
    const last = notes.at(-1)?.sequence;
    findings.next = last === undefined || last >= to ? undefined : last + 1;
    findings.notes += notes.length;
    findings.fault = lookAtChain(notes, findings);
    if (!archive || findings.fault) continue;
    const end = Math.min(findings.next === undefined ? to : (last ?? to), archive.sequence);
    const kept = { begin: Math.max(begin, events.notesBefore), end };
    findings.fault =
      (await faultInArchive(notes, archive, kept)) ??
      (await faultInFacts(notes, { log, archive, events }, findings.anchored));
  }
  return findings;
}

/** The note of the chain before the first that is looked at, as that one names it. */
async function chainBefore(log: AuditLog, from: number): Promise<ChainEnd | undefined> {
  const first = await log.read.nextOn(subjects.opsOf(AUDIT.noun), from, streams.ops.name);
  const { prev = 0 } = JSON.parse(first?.payload ?? '{}') as { prev?: number };
  const before = prev > 0 ? await log.read.messageAt(prev, streams.ops.name) : undefined;
  return before && chainEndOf(before);
}

function lookAtChain(notes: readonly StoredMessage[], findings: AuditFindings): AuditFindings['fault'] {
  const chain = notes.filter(({ subject }) => parseOp(subject)?.noun === AUDIT.noun);
  const { checked, end, fault } = verifyChain(chain, findings.end);
  findings.chained += checked;
  findings.end = end;
  return fault && { where: 'stream', ...fault };
}

async function faultInArchive(
  notes: readonly StoredMessage[],
  archive: AuditArchive,
  { begin, end }: { begin: number; end: number },
): Promise<AuditFindings['fault']> {
  const [rows, commands] = await Promise.all([archive.notes(begin, end), archive.commands(begin, end)]);
  const archived = new Map(rows.map((row) => [row.sequence, row]));
  const told = bySequence(commands);
  for (const note of notes.filter(({ sequence }) => sequence >= begin && sequence <= end)) {
    const { sequence } = note;
    const reason =
      differenceOf(note, archived.get(sequence)) ?? commandsDiffer(note, told.get(sequence) ?? []);
    if (reason !== undefined) return { where: 'archive', sequence, reason };
    archived.delete(sequence);
    told.delete(sequence);
  }
  const [sequence] = [...archived.keys(), ...told.keys()].sort((a, b) => a - b);
  return sequence === undefined
    ? undefined
    : { where: 'archive', sequence, reason: 'The archive has it, but the stream does not.' };
}

/** The first place where the archive of facts is not as its anchors among the notes say. */
async function faultInFacts(
  notes: readonly StoredMessage[],
  sources: { log: AuditLog; archive: AuditArchive; events: ArchiveEvents },
  count: AnchorCount,
): Promise<AuditFindings['fault']> {
  for (const note of notes.filter(({ subject }) => subject === subjects.op(ANCHOR.noun, ANCHOR.verb))) {
    const fault = await checkAnchor(note, sources, count);
    if (fault) return { where: 'facts', ...fault };
  }
  return undefined;
}

function differenceOf(
  { subject, payload }: StoredMessage,
  row: ArchivedNote | undefined,
): string | undefined {
  if (!isNote(payload)) return row && 'The archive has it, but the stream has no note there.';
  if (!row) return 'The stream has it, but the archive does not.';
  const { noun, verb, data } = row;
  const isSame = data === payload && isDeepStrictEqual(parseOp(subject), { noun, verb });
  return isSame ? undefined : 'Stream and archive tell it in different words.';
}

/** What is none was never archived. */
function isNote(payload: string): boolean {
  try {
    const body: unknown = JSON.parse(payload);
    return typeof body === 'object' && body !== null && !Array.isArray(body);
  } catch {
    return false;
  }
}

function commandsDiffer(
  { subject, payload }: StoredMessage,
  rows: readonly AuditCommandRow[],
): string | undefined {
  const isAudit = subject === subjects.op(AUDIT.noun, AUDIT.verb);
  const noted = isAudit ? auditNoteSchema.safeParse(JSON.parse(payload)).data?.entries : undefined;
  const wanted = (noted ?? []).map((entry, place) => ({ place, ...auditedCommand(entry) }));
  const isSame = isDeepStrictEqual(wanted, rows.map(withoutSequence));
  return isSame ? undefined : 'The commands of the archive are not those of the note.';
}

const withoutSequence = ({ sequence: _, ...row }: AuditCommandRow): Omit<AuditCommandRow, 'sequence'> => row;

function bySequence(commands: readonly AuditCommandRow[]): Map<number, AuditCommandRow[]> {
  const groups = new Map<number, AuditCommandRow[]>();
  for (const command of commands) {
    const group = groups.get(command.sequence);
    if (group) group.push(command);
    else groups.set(command.sequence, [command]);
  }
  return groups;
}
