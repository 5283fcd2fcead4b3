import type { RebuildRecord, TaskLog } from '@millrace/log';
import type { Comparison, Swapped } from '@millrace/read-model';
import type { MetricsKept } from '../metrics-keeper.js';
import { NOTE_DEADLINE_MS } from '../projector.constants.js';
import { RebuildCancelledError } from './rebuild-record.js';
import type { CurrentRebuild } from './rebuild-record.js';
import { Rebuild } from './rebuild-tables.js';

export interface RunOptions {
  log: TaskLog;
  databaseUrl: string;
  batch: number;
  kept: MetricsKept;
  /** Ends it. */
  signal: AbortSignal;
}

/** What a rebuild came to. */
export interface RebuildOutcome {
  sequence: number;
  facts: number;
  seconds: number;
  different: number;
  swapped: boolean;
}

const TELL_EVERY_MS = 1_000;

/**
 * Builds, compares, and swaps if that was asked for; tells each second how far it is.
 *
 * @throws RebuildRunsError when another process does it
 * @throws RebuildCancelledError
 */
export async function runRebuild(current: CurrentRebuild, options: RunOptions): Promise<RebuildOutcome> {
  const { log, databaseUrl, batch, kept } = options;
  const { from, swap } = current.wish;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const rebuild = await Rebuild.open({ log, databaseUrl, batch, kept, from, signal });
  const begunMs = performance.now();
  try {
    await current.tell({ ...FRESH, phase: rebuild.phase, started_at: new Date().toISOString() });
    const telling = tellHowFar(current, rebuild, (reason) => {
      ended.abort(reason);
    });
    await rebuild.build().finally(telling.stop);
    await current.tell({ ...progressOf(rebuild), phase: 'comparing' });
    const { tables } = await rebuild.compare();
    const differences = differencesOf(tables);
    let swapped: Swapped | undefined;
    if (swap) {
      await current.tell({ ...progressOf(rebuild), phase: 'swapping', differences });
      swapped = await rebuild.swap();
    }
    const held = { held_ms: swapped?.heldMs ?? null };
    await current.tell({
      ...progressOf(rebuild),
      ...held,
      phase: 'done',
      differences,
      finished_at: new Date().toISOString(),
    });
    const outcome = {
      sequence: rebuild.sequence,
      facts: rebuild.done,
      seconds: Math.round((performance.now() - begunMs) / 100) / 10,
      different: differences.reduce((sum, { different }) => sum + different, 0),
      swapped: swap,
    };
    await note(log, current, outcome);
    return outcome;
  } finally {
    await rebuild.close();
  }
}

/** An interrupted one begins anew. */
const FRESH: Partial<RebuildRecord> = {
  facts_done: 0,
  facts_total: 0,
  sequence: 0,
  differences: null,
  reason: null,
};

const progressOf = ({ done, total, sequence }: Rebuild): Partial<RebuildRecord> => ({
  facts_done: done,
  facts_total: Math.max(done, total),
  sequence,
});

/** Each second, until it is stopped. */
function tellHowFar(
  current: CurrentRebuild,
  rebuild: Rebuild,
  onCancelled: (reason: unknown) => void,
): { stop: () => Promise<void> } {
  let telling = Promise.resolve();
  const timer = setInterval(() => {
    telling = telling
      .then(() => current.tell({ ...progressOf(rebuild), phase: rebuild.phase }))
      .catch((error: unknown) => {
        // While the broker is away nobody can ask.
        if (error instanceof RebuildCancelledError) onCancelled(error);
      });
  }, TELL_EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return telling;
    },
  };
}

const differencesOf = (tables: Comparison['tables']): NonNullable<RebuildRecord['differences']> =>
  Object.entries(tables).map(([table, { rows, different, examples }]) => ({
    table,
    rows,
    different,
    examples: examples.map(({ key }) => key),
  }));

/** For the audit; the tables are as they are, whether it can be written or not. */
async function note(log: TaskLog, { wish }: CurrentRebuild, outcome: RebuildOutcome): Promise<void> {
  const { id, actor } = wish;
  const body = { at: new Date().toISOString(), actor, rebuild: id, ...outcome };
  await log.note('projection', 'rebuilt', body, { deadlineMs: NOTE_DEADLINE_MS }).catch(() => undefined);
}
