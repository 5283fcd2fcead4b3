import { TERMINAL_KINDS } from '@millrace/domain';
import type { Fact, TaskError } from '@millrace/domain';
import type { Deaths } from '../system/deaths.js';
import type { Case } from './case.js';
import type { Order } from './orders.js';

type Started = Fact & { kind: 'started' };

const terminal: ReadonlySet<string> = new Set(TERMINAL_KINDS);
const isTerminal = (fact: Fact): boolean => terminal.has(fact.kind);

/** Lost attempts in a row after which a task is given up. */
const LOST_AT_MOST = 3;

/** Every accepted task ends exactly once, and as it was asked to. */
export function endFaults({ order, facts }: Case): string[] {
  if (facts.length === 0) return order?.submitted === 'yes' ? ['was accepted and is not in the log'] : [];
  const ends = facts.filter(isTerminal);
  const [end] = ends;
  if (!end) return ['has no end'];
  if (ends.length > 1) return [`has ${ends.length} ends`];
  if (facts.at(-1) !== end) return ['goes on after its end'];
  if (!order) return [];
  if (order.submitted === 'no') return ['was refused and is in the log'];
  if (order.cancelled === 'yes' && end.kind !== 'cancelled') return [`was cancelled and has ${end.kind}`];
  const alwaysFails = (order.params.fail ?? 0) > order.maxRetries;
  if (end.kind === 'cancelled')
    return end.data.reason === 'expired' ? expiryFaults(order, facts) : cancelFaults(order);
  if (end.kind !== 'failed') return alwaysFails ? ['succeeded although it always fails'] : [];
  if (end.data.reason === 'worker_lost') return lostFaults(facts);
  return alwaysFails ? [] : [`failed with ${end.data.error.message}`];
}

function cancelFaults({ cancelled }: Order): string[] {
  return cancelled === 'yes' || cancelled === 'unknown' ? [] : ['is cancelled by nobody'];
}

function expiryFaults({ notAfter = Infinity }: Order, facts: Fact[]): string[] {
  if (facts.some((fact) => fact.kind === 'started')) return ['expired although it had started'];
  return Date.parse(facts.at(-1)!.at) < notAfter ? ['expired before its time'] : [];
}

function lostFaults(facts: Fact[]): string[] {
  const lost = facts.filter((fact) => fact.kind === 'started').length;
  return lost >= LOST_AT_MOST ? [] : [`was given up after ${lost} attempts`];
}

/** Each fact was conditional on the one before: nobody wrote past another. */
export function chainFaults({ facts }: Case): string[] {
  return facts.flatMap((fact, index) => {
    const before = facts[index - 1]?.sequence ?? 0;
    return fact.prev === before ? [] : [`${fact.kind} ${fact.sequence} follows ${fact.prev}, not ${before}`];
  });
}

/** The retries that were written; the janitor may write a wait once more. */
export const retriesIn = (facts: Fact[]): number =>
  facts.filter(
    (fact) => fact.kind === 'scheduled' && fact.data.reason === 'retry' && fact.data.carried === undefined,
  ).length;

const isPlanned = (error: TaskError | undefined): boolean =>
  error?.message.startsWith('Planned failure') ?? false;

/** A further attempt needs a reason: a failure that was to be, a hand-over, or the death of the worker. */
export function attemptFaults({ order, facts }: Case, deaths: Deaths, mayFailWith = isPlanned): string[] {
  const faults: string[] = [];
  let open: Started | undefined;
  for (const fact of facts) {
    if (fact.kind === 'scheduled' && fact.data.reason === 'retry') {
      if (!mayFailWith(fact.data.error))
        faults.push(`attempt ${fact.data.attempt} failed with ${fact.data.error?.message}`);
      open = undefined;
    }
    if (fact.kind === 'yielded') open = undefined;
    if (fact.kind === 'failed' && fact.data.reason === 'worker_lost' && open && !wasDead(open, fact, deaths))
      faults.push(`was given up although ${open.data.worker} lived`);
    if (fact.kind !== 'started') continue;
    if (open && !wasDead(open, fact, deaths))
      faults.push(`attempt ${fact.data.attempt} was taken over from the living ${open.data.worker}`);
    open = fact;
    faults.push(...timeFaults(order, fact));
  }
  const retries = retriesIn(facts);
  if (order && retries > (order.params.fail ?? 0)) faults.push(`was retried ${retries} times`);
  return faults;
}

const wasDead = (attempt: Started, then: Fact, deaths: Deaths): boolean =>
  deaths.wasDead(pidOf(attempt), Date.parse(then.at));

function timeFaults(order: Order | undefined, started: Started): string[] {
  const at = Date.parse(started.at);
  const { notBefore = 0, notAfter = Infinity } = order ?? {};
  if (at < notBefore) return [`started ${notBefore - at} ms too early`];
  return started.data.attempt === 1 && at > notAfter ? [`started ${at - notAfter} ms after its time`] : [];
}

/** The id of a worker is `<host>-<pid>-<8 random digits>`. */
export const pidOf = (started: Started): number => Number(started.data.worker.split('-').at(-2));
