import { limitsOf } from '@millrace/domain';
import type { HeldTask, QueueLimits } from '@millrace/domain';
import { crewFor } from './crew.js';
import type { Limit, Reasons } from './explanation.schema.js';
import { aheadOf } from './lane.js';
import { expirySentences } from './expiry.js';
import { isLed, leaderSentences } from './leaders.js';
import { queuePause } from './queue-pause.js';
import { UNKNOWN, UNSTARTED } from './situation.js';
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
      ...leaderSentences(situation, 'limits'),
      ...sentences,
      heldSentence(ahead, limits !== UNKNOWN && limits.fair === true),
      ...takeoverSentences(situation),
      ...(crew.waiting_for ? [crew.sentence] : []),
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
  situation: Situation,
): { closed: Limit[]; sentences: string[] } {
  const key = state.spec.concurrency_key;
  const known = situation.slots === UNKNOWN ? undefined : situation.slots;
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
  const told = closed.map((limit) =>
    sentenceOf(limit, limits, limit.concurrency_key === undefined ? known?.queue : known?.key),
  );
  if (told.length === 0) told.push(noneCloses(limits, known !== undefined, situation));
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
  const opens_at = use?.opens_at === UNSTARTED ? null : (use?.opens_at ?? null);
  return [{ ...NO_USE, limit, allowed, opens_at, ...keyed(key) }];
}

function sentenceOf(
  { limit, allowed, used, holders, opens_at, concurrency_key }: Limit,
  limits: QueueLimits,
  use: SlotHolders | null | undefined,
): string {
  const whose = `with the concurrency_key ${JSON.stringify(concurrency_key)}`;
  const who =
    used === null
      ? 'who has the slots is not known now'
      : `${use?.isAtMost ? 'at most ' : ''}${used} ${used === 1 ? 'has' : 'have'} a slot now: ${named(holders, used)}`;
  const when =
    opens_at !== null
      ? `the next one may start at ${opens_at}`
      : use?.opens_at === UNSTARTED
        ? 'the next one may start so long after those that have a slot have started'
        : 'when the next one may start is not known now';
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

function noneCloses(limits: QueueLimits, isKnown: boolean, situation: Situation): string {
  const soon = isLed(situation, 'limits');
  if (!limitsOf(limits))
    return `Its queue has no limits any more${soon ? ': the scheduler lets it go in its turn, within moments' : ', and it is to be let go'}.`;
  if (!isKnown) return 'Whether the limits of its queue are reached is not known now.';
  const none = 'No limit of its queue is reached, as far as is known here';
  return soon
    ? `${none}: the scheduler lets it go in its turn, but not more tasks than the workers have slots for.`
    : `${none}.`;
}

function heldSentence(ahead: Ahead, isFair: boolean): string {
  if (ahead === UNKNOWN)
    return 'How many tasks wait for a slot before it is not known now: Postgres is away.';
  const turns = isFair
    ? ' by their order; how many of them have their turns before it is not known here'
    : '';
  if (ahead === 'many') return `More than 1,000 tasks of its queue wait for a slot before it${turns}.`;
  if (ahead > 0)
    return `${count(ahead, 'task')} of its queue ${ahead === 1 ? 'waits' : 'wait'} for a slot before it${turns}.`;
  return isFair
    ? 'By its order it is the first that waits for a slot; which other keys have their turns before it is not known here.'
    : 'It is the next that gets a slot.';
}

/** Whoever takes slots over reads the archive first. */
function takeoverSentences({ ahead, leaders }: Situation): string[] {
  const since = ahead === UNKNOWN && leaders !== UNKNOWN ? leaders.get('limits') : undefined;
  return since === undefined
    ? []
    : [
        `A scheduler leads the limits since ${since}: if Postgres was away by then, or the limits of the queue have changed while it was, no slots are given before it is back.`,
      ];
}
