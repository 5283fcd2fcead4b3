import { Injectable } from '@nestjs/common';
import type { TaskStatus } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { DecidableTask, TaskFilter, TaskPage, TaskSummary } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import type { Tally } from './tally.js';

const PAGE = 500;

/** A task that an operation is about, as the read model has it. */
export interface Target {
  row: DecidableTask;
  /** Whether the log still has what the row names by sequence: parameters, checkpoint, steps. */
  isWhole: boolean;
}

export interface Wanted {
  filter: TaskFilter & { status: readonly TaskStatus[] };
  /** So many at most. */
  limit: number;
  /** Whether facts are to be decided that carry the task. Without it, none of the parameters are read. */
  withParameters: boolean;
}

/** Finds the tasks of an operation, page by page: while one is worked through, the next one is read, and no more. */
@Injectable()
export class Targets {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /**
   * In the order of their submission: a task keeps its place, whatever becomes of it. What was submitted after now is left out, so that it
   * comes to an end.
   */
  async *find(wanted: Wanted, tally: Tally): AsyncGenerator<Target, undefined> {
    const bounded = { ...wanted, filter: { ...wanted.filter, submitted_before: boundOf(wanted.filter) } };
    let left = wanted.limit;
    let coming = this.#page(bounded);
    for (;;) {
      const { items, next_cursor, firstSequence } = await coming;
      if (next_cursor !== null && left > items.length) {
        coming = this.#page(bounded, next_cursor);
        // Whoever waits for it hears of it; nobody may.
        coming.catch(() => undefined);
      }
      for (const row of items.slice(0, left)) yield { row, isWhole: isWhole(row, firstSequence) };
      tally.hasMore ||= items.length > left || (items.length === left && next_cursor !== null);
      left -= items.length;
      if (left <= 0 || next_cursor === null) return undefined;
    }
  }

  async #page({ filter, withParameters }: Wanted, cursor?: string): Promise<Page> {
    const options = { ...filter, sort: 'submitted_at' as const, limit: PAGE, cursor };
    if (!withParameters) {
      const { items, next_cursor } = await this.archive.tasks.list(options);
      return { items: items.map(withoutParameters), next_cursor, firstSequence: 0 };
    }
    // Asked first: what the log had then is all that the rows of later may lean on.
    const { firstSequence } = await this.log.admin.state();
    return { ...(await this.archive.tasks.listDecidable(options)), firstSequence };
  }
}

type Page = TaskPage<DecidableTask> & { firstSequence: number };

function boundOf({ submitted_before: given }: TaskFilter): string {
  const now = new Date().toISOString();
  return given !== undefined && Date.parse(given) < Date.parse(now) ? given : now;
}

const withoutParameters = (row: TaskSummary): DecidableTask => ({ ...row, parameters: undefined });

/** What has ended has nobody who keeps its checkpoint and steps. */
const isWhole = (row: DecidableTask, firstSequence: number): boolean =>
  firstSequence > 0 &&
  row.first_sequence >= firstSequence &&
  (row.finished_at === null || (row.checkpoint === 0 && row.step === 0));
