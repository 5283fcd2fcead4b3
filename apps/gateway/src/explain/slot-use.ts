import { RateWindow, SLOT } from '@millrace/domain';
import type { RateLimit, TaskState } from '@millrace/domain';
import type { SlotRecord } from '@millrace/log';
import { UNSTARTED } from './situation.js';
import type { SlotHolders } from './situation.js';

const LOOKED_AT_MOST = 20;

type BookedUse = NonNullable<SlotRecord['queue']>;

/** Who has slots of a queue or of a key by their record, which still tells of some that have ended, and who is known to run. */
export interface Booked {
  /** Task → the `held` fact by which it got its slot; undefined for one that is only known to run. */
  holders: ReadonlyMap<string, number | undefined>;
  window: NonNullable<BookedUse['window']>;
}

/** Tasks by their ids, as the log has them. */
export type Seen = ReadonlyMap<string, TaskState>;

/**
 * @param running ids of tasks that run: some started before there were limits, and stand in no record
 * @param asking the task that is to be explained: should the record have it, it is just being let go
 */
export function bookedOf(use: SlotRecord['queue'], running: readonly string[], asking: string): Booked {
  const holders = new Map<string, number | undefined>(running.map((id) => [id, undefined]));
  for (const [id, fact] of Object.entries(use?.holders ?? {})) holders.set(id, fact);
  holders.delete(asking);
  const { starts = [], open = [] } = use?.window ?? {};
  return { holders, window: { starts, open: open.filter((id) => id !== asking) } };
}

/** Those of whom it is to be known whether they have their slot still: the first ones. */
export const toLookAt = ({ holders, window }: Booked): string[] => [
  ...[...holders.keys()].slice(0, LOOKED_AT_MOST),
  ...window.open.slice(0, LOOKED_AT_MOST),
];

/** What the slots of a queue or a key come to, once the first of their holders were looked at. */
export function holdersOf(booked: Booked, rate: RateLimit | undefined, seen: Seen, now: number): SlotHolders {
  const lookedAt = [...booked.holders].filter(([id]) => seen.has(id));
  const holders = lookedAt.filter(([id, fact]) => hasSlot(seen.get(id), fact)).map(([id]) => id);
  return {
    used: booked.holders.size - lookedAt.length + holders.length,
    isAtMost: booked.holders.size > lookedAt.length,
    holders: holders.slice(0, LOOKED_AT_MOST),
    ...(rate && opening(rate, booked.window, seen, now)),
  };
}

/** Whether the task runs, is about to, or is just being made ready. */
function hasSlot(state: TaskState | undefined, fact: number | undefined): boolean {
  if (state?.phase === 'running') return true;
  if (state?.phase === 'ready') return state.slot === true;
  return state?.phase === 'held' && state.waiting_for === SLOT && state.sequence === fact;
}

function opening(
  rate: RateLimit,
  { starts, open }: Booked['window'],
  seen: Seen,
  now: number,
): Pick<SlotHolders, 'opens_at'> {
  const window = new RateWindow(rate, starts);
  const begun = open.flatMap((id) => begunBy(seen.get(id)) ?? []).sort((a, b) => a - b);
  for (const at of begun) window.add(at);
  const at = window.opensAt(now, open.length - begun.length);
  if (at === undefined) return { opens_at: UNSTARTED };
  return { opens_at: at <= now ? null : new Date(at).toISOString() };
}

/** When a task that was let go had started at the latest; undefined while it has not. */
function begunBy(state: TaskState | undefined): number | undefined {
  if (!state || state.phase === 'none' || state.phase === 'ready' || state.phase === 'held') return undefined;
  return Date.parse(state.phase === 'running' ? state.started_at : state.updated_at);
}
