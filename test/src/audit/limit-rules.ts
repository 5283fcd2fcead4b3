import { isLane } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import type { JournalLine } from '../system/journal.js';

/** What a queue was limited to while the facts were written. */
export interface LimitsKept {
  concurrency: number;
  keyConcurrency: number;
  keyOf: (taskId: string) => string | undefined;
}

/** What came of a look at the limits, from one of the two sides. */
export interface LimitsSeen {
  /** The most tasks that ran at once. */
  most: number;
  /** The most tasks with one key that ran at once. */
  mostOfKey: number;
  faults: string[];
}

/** One task that runs from a moment to another; both are in the order of the same clock. */
interface Span {
  taskId: string;
  from: number;
  to: number;
}

/** As the log tells it: a task fills its place from `started` to whatever ends the attempt. */
export function limitsInLog(histories: ReadonlyMap<string, Fact[]>, limits: LimitsKept): LimitsSeen {
  const spans: Span[] = [];
  for (const [taskId, facts] of histories) {
    let from: number | undefined;
    for (const { kind, sequence } of facts) {
      if (kind === 'started') from ??= sequence;
      else if (from !== undefined && !GOES_ON.has(kind)) {
        spans.push({ taskId, from, to: sequence });
        from = undefined;
      }
    }
    if (from !== undefined) spans.push({ taskId, from, to: Infinity });
  }
  return most(spans, limits, 'in the log');
}

const GOES_ON: ReadonlySet<string> = new Set(['progress', 'checkpoint', 'step']);

/**
 * As the handlers themselves tell it, by the clock. A cancelled run has given its place away with the fact; what its handler does until it
 * hears of that is beyond any limit.
 */
export function limitsInHandlers(
  lines: readonly JournalLine[],
  histories: ReadonlyMap<string, Fact[]>,
  limits: LimitsKept,
): LimitsSeen {
  const spans: Span[] = [];
  const open = new Map<number, JournalLine>();
  for (const line of lines) {
    if (line.word === 'start') open.set(line.token, line);
    const begun = open.get(line.token);
    if (!begun || line.word === 'start') continue;
    open.delete(line.token);
    spans.push({ taskId: line.taskId, from: begun.at, to: Math.min(line.at, cancelOf(line, histories)) });
  }
  for (const { taskId, at } of open.values()) spans.push({ taskId, from: at, to: Infinity });
  return most(spans, limits, 'in the handlers');
}

function cancelOf({ taskId, token }: JournalLine, histories: ReadonlyMap<string, Fact[]>): number {
  const cancelled = histories
    .get(taskId)
    ?.find(({ kind, sequence }) => kind === 'cancelled' && sequence > token);
  return cancelled ? Date.parse(cancelled.at) : Infinity;
}

/** The longest time between two starts while at least one task waited for its turn, in milliseconds. */
export function longestStandstill(histories: ReadonlyMap<string, Fact[]>): number {
  const facts = [...histories.values()].flat().sort((a, b) => a.sequence - b.sequence);
  const waiting = new Set<string>();
  let since: number | undefined;
  let longest = 0;
  for (const { task_id, kind, at } of facts) {
    const now = Date.parse(at);
    const waits = kind === 'held' || isLane(kind);
    if (waits) waiting.add(task_id);
    else waiting.delete(task_id);
    if (kind === 'started') {
      if (since !== undefined) longest = Math.max(longest, now - since);
      since = undefined;
    }
    if (waiting.size === 0) since = undefined;
    else since ??= now;
  }
  return longest;
}

/** Ends before starts at the same moment: whoever waits for a place may take it at once. */
function most(spans: readonly Span[], limits: LimitsKept, where: string): LimitsSeen {
  const moments = spans
    .flatMap(({ taskId, from, to }) => [
      { taskId, at: from, by: 1 },
      { taskId, at: to, by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  const running = new Map<string, number>();
  const seen: LimitsSeen = { most: 0, mostOfKey: 0, faults: [] };
  let all = 0;
  for (const { taskId, at, by } of moments) {
    const key = limits.keyOf(taskId);
    all += by;
    const ofKey = (running.get(key ?? '') ?? 0) + by;
    if (key !== undefined) running.set(key, ofKey);
    if (by < 0) continue;
    seen.most = Math.max(seen.most, all);
    if (all > limits.concurrency)
      seen.faults.push(`${all} ran at once ${where} when ${taskId} started at ${at}`);
    if (key === undefined) continue;
    seen.mostOfKey = Math.max(seen.mostOfKey, ofKey);
    if (ofKey > limits.keyConcurrency)
      seen.faults.push(`${ofKey} of the key ${key} ran at once ${where} when ${taskId} started at ${at}`);
  }
  return seen;
}
