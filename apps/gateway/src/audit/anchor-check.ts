import { isDeepStrictEqual } from 'node:util';
import {
  RELEASE,
  WITHDRAWAL,
  anchorSchema,
  parseSubject,
  releaseSchema,
  subjects,
  withdrawalSchema,
} from '@millrace/log';
import type { Anchor, AnchoredDay, StoredMessage, TaskLog } from '@millrace/log';
import { BLOCK_SEQUENCES, blocksByDay, dayDigest } from '@millrace/read-model';
import type { ArchivedBody, BlockDigest } from '@millrace/read-model';
import type { AuditArchive } from './audit-archive.js';

/** What the chain tells of the archive beside its anchors. */
export interface ArchiveEvents {
  withdrawals: { sequence: number; after: number }[];
  /** Days that the retention let go. */
  days: ReadonlySet<string>;
  /** Notes of `OPS` before this sequence, too. */
  notesBefore: number;
}

/** How much of the archive of facts was compared with what was noted of it. */
export interface AnchorCount {
  /** Facts that are as they were. */
  facts: number;
  /** Facts of days that the retention let go. */
  notKept: number;
  /** Anchors that the log or the archive has left behind, at least in part. */
  withdrawn: number;
}

/** A place in the archive that is not as it was noted, by the sequence of `TASKS`. */
export interface AnchorFault {
  sequence: number;
  reason: string;
}

type Range = Pick<Anchor, 'from' | 'to'>;

/** Few notes, however long the chain is. */
export async function readArchiveEvents(log: Pick<TaskLog, 'read'>): Promise<ArchiveEvents> {
  const all = new Date(0);
  const [withdrawals, releases] = await Promise.all([
    log.read.notes(WITHDRAWAL.noun, WITHDRAWAL.verb, all),
    log.read.notes(RELEASE.noun, RELEASE.verb, all),
  ]);
  const released = releases.flatMap(({ payload }) => releaseSchema.safeParse(JSON.parse(payload)).data ?? []);
  return {
    withdrawals: withdrawals.flatMap(({ sequence, payload }) => {
      const { data } = withdrawalSchema.safeParse(JSON.parse(payload));
      return data ? [{ sequence, after: data.after }] : [];
    }),
    days: new Set(released.flatMap(({ days = [] }) => days)),
    notesBefore: Math.max(0, ...released.map(({ notes_before = 0 }) => notes_before)),
  };
}

/** Compares the rows of an anchor's range with what it says. Where the log still has the facts, it names the one that differs. */
export async function checkAnchor(
  note: Pick<StoredMessage, 'payload'>,
  { log, archive, events }: { log: Pick<TaskLog, 'read'>; archive: AuditArchive; events: ArchiveEvents },
  count: AnchorCount,
): Promise<AnchorFault | undefined> {
  const anchor = anchorSchema.safeParse(JSON.parse(note.payload)).data;
  if (!anchor) return undefined;
  const holdsTo = Math.min(
    anchor.to,
    ...events.withdrawals.filter(({ sequence }) => sequence > anchor.withdrawal).map(({ after }) => after),
  );
  if (holdsTo < anchor.to) count.withdrawn++;
  // Tables that are being filled again are no fault.
  if (holdsTo < anchor.from || holdsTo > archive.projected) return undefined;
  const range = { from: anchor.from, to: holdsTo };
  const found = blocksByDay(await archive.digests(range.from, range.to));
  for (const noted of anchor.days) {
    const blocks = found.get(noted.day) ?? [];
    found.delete(noted.day);
    if (blocks.length === 0 && events.days.has(noted.day)) {
      count.notKept += noted.facts;
      continue;
    }
    const fault = faultInDay(noted, blocks, range, holdsTo === anchor.to);
    if (fault) return locate(fault, { log, archive });
    count.facts += blocks.reduce((sum, { facts }) => sum + facts, 0);
  }
  const [added] = [...found.values()].flat();
  // The rest of a block that a withdrawal cuts may be new.
  if (!added || holdsTo < anchor.to) return undefined;
  return locate(
    { ...rangeOf(added.block, range), noted: 0, found: added.facts, day: added.day },
    { log, archive },
  );
}

/** Facts of a day between two sequences that are not as they were noted. */
interface DayFault extends Range {
  day: string;
  noted: number;
  found: number;
}

function faultInDay(
  { day, blocks: noted, digest, facts }: AnchoredDay,
  found: BlockDigest[],
  range: Range,
  isWhole: boolean,
): DayFault | undefined {
  const [was, is] = [
    new Map(noted.map((block) => [block[0], block])),
    new Map(found.map((one) => [one.block, one])),
  ];
  const numbers = [...new Set([...was.keys(), ...is.keys()])].sort((a, b) => a - b);
  for (const block of numbers) {
    // A block that a withdrawal cuts proves nothing.
    if (!isWhole && (block + 1) * BLOCK_SEQUENCES > range.to) break;
    const [, count = 0, beginning = ''] = was.get(block) ?? [];
    const now = is.get(block);
    if (now?.facts === count && now.digest.startsWith(beginning)) continue;
    return { ...rangeOf(block, range), day, noted: count, found: now?.facts ?? 0 };
  }
  return isWhole && dayDigest(found) !== digest ? { ...range, day, noted: facts, found: facts } : undefined;
}

const rangeOf = (block: number, { from, to }: Range): Range => ({
  from: Math.max(from, block * BLOCK_SEQUENCES + 1),
  to: Math.min(to, (block + 1) * BLOCK_SEQUENCES),
});

async function locate(
  { from, to, day, noted, found }: DayFault,
  { log, archive }: { log: Pick<TaskLog, 'read'>; archive: AuditArchive },
): Promise<AnchorFault> {
  const known = await differingFact({ from, to }, log, archive);
  if (known) return known;
  const where = `of ${day} from ${from} to ${to} of TASKS`;
  const reason =
    noted === found
      ? `One or more of the ${found} facts ${where} are not as they were when they were anchored.`
      : `There are ${found} facts ${where}, and there were ${noted} when they were anchored.`;
  return { sequence: from, reason };
}

/** A fact that was added is not told from one that has left the log. */
async function differingFact(
  { from, to }: Range,
  log: Pick<TaskLog, 'read'>,
  archive: AuditArchive,
): Promise<AnchorFault | undefined> {
  const [messages, rows] = await Promise.all([
    log.read.page(subjects.allTasks, from, BLOCK_SEQUENCES),
    archive.facts(from, to),
  ]);
  const archived = new Map(rows.map((row) => [row.sequence, row]));
  for (const message of messages) {
    const { sequence, subject } = message;
    if (sequence > to || parseSubject(subject).type !== 'fact') continue;
    const row = archived.get(sequence);
    if (!row)
      return { sequence, reason: `The archive lacks the fact ${sequence} of TASKS, which the log has.` };
    if (!isSame(message, row))
      return {
        sequence,
        reason: `The fact ${sequence} of TASKS is not in the archive as in the log: it was changed.`,
      };
  }
  return undefined;
}

function isSame({ subject, payload }: StoredMessage, row: ArchivedBody): boolean {
  const place = parseSubject(subject);
  if (place.type !== 'fact') return false;
  const { v: _, id, prev, at, actor, ...data } = JSON.parse(payload) as Record<string, unknown>;
  const { v: __, ...archived } = JSON.parse(row.data) as Record<string, unknown>;
  const { queue, task_id, kind } = place;
  const told = { id, prev, at, actor, queue, task_id, kind, data };
  const { sequence: ___, data: ____, ...columns } = row;
  return isDeepStrictEqual(told, { ...columns, data: archived });
}
