import type { HeldTask, QueueLimits } from '@millrace/domain';
import { crewFor } from './crew.js';
import type { Limit, Reasons } from './explanation.schema.js';
import { aheadOf } from './lane.js';
import { expirySentences } from './expiry.js';
import { queuePause } from './queue-pause.js';
import { UNKNOWN } from './situation.js';
import type { Ahead, Situation, SlotHolders } from './situation.js';
import { count, named } from './words.js';

/** Why a task that waits for a slot of its queue has none. */
export function slotReasons(state: HeldTask, situation: Situation): Reasons {
  const { queue, ahead } = situation;
  const limits = queue === UNKNOWN ? UNKNOWN : (queue?.settings ?? {});
  const pause = queuePause(situation);
  const crew = crewFor(situation);
  const { closed, sentences } = limits === UNKNOWN ? NOT_KNOWN : judge(limits, state, situation);
  return {
    because: [
      `It waits in the lane ${state.lane} for a slot of the queue ${state.queue}.`,
      ...(pause?.because ?? []),
      ...sentences,
      heldSentence(ahead, limits !== UNKNOWN && limits.fair === true),
      ...(crew.waiting_for ? [crew.sentence] : []),
      ...leaderSentences(situation),
      ...expirySentences(situation),
    ],
    waiting_for: pause?.waiting_for ??
      (crew.isMissing ? crew.waiting_for : undefined) ?? {
        type: 'slot',
        queue: state.queue,
        lane: state.lane,
        ahead: aheadOf(ahead),
        limits: closed,
      },
  };
}

const NOT_KNOWN = { closed: [], sentences: ['Which limits its queue has is not known now.'] };

function judge(
  limits: QueueLimits,
  state: HeldTask,
  { slots }: Situation,
): { closed: Limit[]; sentences: string[] } {
  const key = state.spec.concurrency_key;
  const known = slots === UNKNOWN ? undefined : slots;
  const closed = [
    ...concurrency('concurrency', limits.concurrency, known?.queue),
    ...rate('rate_limit', limits.rate_limit?.limit, known?.queue),
    ...(key === undefined
      ? []
      : [
          ...concurrency('key_concurrency', limits.key_concurrency, known?.key ?? undefined, key),
          ...rate('key_rate_limit', limits.key_rate_limit?.limit, known?.key ?? undefined, key),
        ]),
  ];
  const told = closed.map((limit) => sentenceOf(limit, limits));
  if (told.length === 0) told.push(noneCloses(limits, known !== undefined));
  if (limits.fair) told.push(FAIR);
  return { closed, sentences: told };
}

const FAIR =
  'Tasks of the same priority start key by key in turn (fair): those of other keys that came later may start before it.';
const NO_USE = { used: null, holders: [], opens_at: null };
const keyed = (key: string | undefined): { concurrency_key?: string } =>
  key === undefined ? {} : { concurrency_key: key };

/** Nothing when the limit is known to have room. */
function concurrency(
  limit: 'concurrency' | 'key_concurrency',
  allowed: number | undefined,
  use: SlotHolders | undefined,
  key?: string,
): Limit[] {
  if (allowed === undefined || (use && use.used < allowed)) return [];
  const { used = null, holders = [] } = use ?? {};
  return [{ limit, allowed, used, holders: [...holders], opens_at: null, ...keyed(key) }];
}

/** A rate may always be what holds it, unless it is known to be open. */
function rate(
  limit: 'rate_limit' | 'key_rate_limit',
  allowed: number | undefined,
  use: SlotHolders | undefined,
  key?: string,
): Limit[] {
  if (allowed === undefined || use?.opens_at === null) return [];
  return [{ ...NO_USE, limit, allowed, opens_at: use?.opens_at ?? null, ...keyed(key) }];
}

function sentenceOf(
  { limit, allowed, used, holders, opens_at, concurrency_key }: Limit,
  limits: QueueLimits,
): string {
  const whose = `with the concurrency_key ${JSON.stringify(concurrency_key)}`;
  const who =
    used === null
      ? 'who fills the slots is not known now'
      : `${used} ${used === 1 ? 'does' : 'do'} now: ${named(holders, used)}`;
  const when =
    opens_at === null
      ? 'when the next one may start is not known here'
      : `the next one may start at ${opens_at}`;
  switch (limit) {
    case 'concurrency':
      return `At most ${count(allowed, 'task')} of the queue may run at once (concurrency), and ${who}.`;
    case 'key_concurrency':
      return `At most ${count(allowed, 'task')} ${whose} may run at once (key_concurrency), and ${who}.`;
    case 'rate_limit':
      return `At most ${count(allowed, 'task')} of the queue may start in ${count(limits.rate_limit?.period_seconds ?? 0, 'second')} (rate_limit); ${when}.`;
    case 'key_rate_limit':
      return `At most ${count(allowed, 'task')} ${whose} may start in ${count(limits.key_rate_limit?.period_seconds ?? 0, 'second')} (key_rate_limit); ${when}.`;
  }
}

function noneCloses(limits: QueueLimits, isKnown: boolean): string {
  const { concurrency: all, rate_limit, key_concurrency, key_rate_limit, fair } = limits;
  if (all === undefined && !rate_limit && key_concurrency === undefined && !key_rate_limit && !fair)
    return 'Its queue has no limits any more: the scheduler lets it go within moments.';
  return isKnown
    ? 'No limit of its queue is reached, as far as is known here: the scheduler lets it go within moments.'
    : 'Whether the limits of its queue are reached is not known now.';
}

function heldSentence(ahead: Ahead, isFair: boolean): string {
  const order = isFair ? ', not counting the turns of the keys' : '';
  if (ahead === UNKNOWN)
    return 'How many tasks wait for a slot before it is not known now: Postgres is away.';
  if (ahead === 'many') return `More than 1,000 tasks of its queue wait for a slot before it${order}.`;
  if (ahead === 0) return `It is the next that gets a slot${order}.`;
  return `${count(ahead, 'task')} of its queue ${ahead === 1 ? 'waits' : 'wait'} for a slot before it${order}.`;
}

/** Slots are given by the scheduler alone. */
export const leaderSentences = ({ hasScheduler }: Situation): string[] =>
  hasScheduler === false ? ['No scheduler runs: nothing that waits for it goes on. Start one.'] : [];
