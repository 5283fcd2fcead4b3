import { Injectable } from '@nestjs/common';
import type { Fact } from '@millrace/domain';
import { BadBodyError, LogUnavailableError, TaskLog, decodeFact, subjects } from '@millrace/log';
import type { StoredMessage, TaskRef } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { ProblemError } from '../http/problem.js';
import { LogWatch } from '../log/log-watch.js';
import { fitsPlace } from './event-filter.js';
import type { EventFilter } from './event-filter.js';
import type { Gap } from './events.schema.js';

const PAGE = 256;
/** One look into the archive goes through so many sequences at most, however few of them fit. */
const ARCHIVE_SPAN = 50_000;

/** A part of what was missed: facts in order, and how far they reach. */
export interface Page {
  gap?: Gap;
  facts: Fact[];
  upTo: number;
}

/** What a client has missed: from the log, and from the archive what the log no longer has. Neither skips anything in silence. */
@Injectable()
export class MissedEvents {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
    private readonly watch: LogWatch,
  ) {}

  /**
   * The next page of the facts between two sequences (exclusive) that fit by their place.
   *
   * @throws LogUnavailableError, ProblemError `archive/unavailable` or `archive/behind`: ask again in a moment
   */
  async page(filter: EventFilter, after: number, before: number): Promise<Page> {
    const { queue, kinds } = filter;
    const [kind] = kinds?.size === 1 ? kinds : [];
    const subject = subjects.allFacts({ ...(queue !== undefined && { queue }), ...(kind && { kind }) });
    const messages = await this.log.read.page(subject, after + 1, PAGE);
    // Asked afterwards: what the janitor purged meanwhile is missing in what was read.
    const { firstSequence } = await this.log.admin.state();
    if (firstSequence > after + 1) return this.#archivedPage(filter, after, Math.min(firstSequence, before));
    const last = messages.at(-1)?.sequence;
    if (last === undefined) {
      const next = await this.log.read.nextOn(subject, after + 1);
      if (next && next.sequence < before) throw new LogUnavailableError('A replica of the log lags behind.');
    }
    const facts = messages.filter(({ sequence }) => sequence < before).flatMap(factOf);
    const upTo = last === undefined ? before - 1 : Math.min(last, before - 1);
    return { facts: facts.filter((fact) => fitsPlace(filter, fact)), upTo };
  }

  /** All facts of a task after a sequence, found by their links. */
  async ofTask(task: TaskRef, after: number): Promise<Page> {
    const live = await this.log.read.history(task, { after });
    const [first] = live;
    const isWhole = first ? !(await this.#mayHaveEarlier(first, after)) : await this.#isStill(task, after);
    const before = first?.sequence ?? Infinity;
    const archived = isWhole ? [] : await this.#archivedOf(task, after, first);
    const facts = [...archived.filter(({ sequence }) => sequence < before), ...live];
    return { ...gapIn(facts, after), facts, upTo: facts.at(-1)?.sequence ?? after };
  }

  /** A task whose facts begin in the log has most likely begun there: it must not wait for Postgres. */
  async #archivedOf({ task_id }: TaskRef, after: number, first: Fact | undefined): Promise<Fact[]> {
    try {
      return await this.archive.facts.ofTask(task_id, after);
    } catch (error) {
      if (first?.prev === 0 && error instanceof ProblemError && error.code === 'archive/unavailable')
        return [];
      throw error;
    }
  }

  /** The first fact of a task that returned from the archive is linked to none. */
  async #mayHaveEarlier({ prev }: Fact, after: number): Promise<boolean> {
    return prev === 0 ? this.watch.hasForgottenByNow() : prev > after;
  }

  /** Whether the log still has its last fact, and nothing after it. */
  async #isStill(task: TaskRef, after: number): Promise<boolean> {
    const last = await this.log.read.lastFact(task);
    return last !== undefined && last.sequence <= after;
  }

  async #archivedPage({ queue, kinds }: EventFilter, after: number, before: number): Promise<Page> {
    const [projection, oldest] = await Promise.all([
      this.archive.tasks.projection(),
      this.archive.tasks.oldestEvent(),
    ]);
    // Without a projector nothing will ever be there; one that is behind will bring it.
    if (projection.sequence > 0 && projection.sequence < before - 1)
      throw new ProblemError('archive/behind', 'The archive does not have what has left the log by now.');
    const from = Math.min(oldest ?? before, before);
    if (from > after + 1) return { gap: gapBetween(after, from), facts: [], upTo: from - 1 };
    const end = Math.min(before, after + ARCHIVE_SPAN + 1);
    const facts = await this.archive.facts.between({
      after,
      before: end,
      limit: PAGE,
      ...(queue !== undefined && { queue }),
      ...(kinds && { kinds: [...kinds] }),
    });
    return { facts, upTo: facts.length < PAGE ? end - 1 : (facts.at(-1)?.sequence ?? end - 1) };
  }
}

/** What nobody can read is in no stream; the projector counts it. */
export function factOf({ subject, sequence, payload }: StoredMessage): Fact[] {
  try {
    return [decodeFact(subject, sequence, payload)].flatMap((fact) => fact ?? []);
  } catch (error) {
    if (error instanceof BadBodyError) return [];
    throw error;
  }
}

/** Each fact names the one before it. */
function gapIn(facts: readonly Fact[], after: number): { gap?: Gap } {
  let last = after;
  for (const { sequence, prev } of facts) {
    if (prev > last) return { gap: gapBetween(last, sequence) };
    last = sequence;
  }
  return {};
}

const gapBetween = (after: number, before: number): Gap => ({
  after,
  before,
  detail: `What happened between ${after} and ${before} has left the log, and the archive does not have it.`,
});
