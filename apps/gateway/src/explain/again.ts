import { SLOT } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import { isReadyFact, wayOf } from './moves.js';
import type { ReadyFact } from './moves.js';
import type { History } from './situation.js';
import { because, told } from './words.js';

const SENTENCES_AT_MOST = 20;

/** Why each attempt beyond the first was made: a sentence for each of the last twenty. */
export function againReasons({ facts, isCut }: History, attempts: number): string[] {
  const starts = facts.flatMap((fact, index) => (fact.kind === 'started' ? [{ fact, index }] : []));
  const sentences = starts.slice(1).map(({ fact, index }, before) => {
    const previous = starts[before];
    const between = previous ? facts.slice(previous.index + 1, index) : [];
    return `Attempt ${fact.data.attempt} began on ${fact.data.worker} at ${fact.at} because ${reasonOf(previous?.fact ?? fact, between, fact)}.`;
  });
  const shown = sentences.slice(-SENTENCES_AT_MOST);
  const untold = attempts - 1 - shown.length;
  if (untold <= 0) return shown;
  const where = isCut
    ? 'not known now: Postgres is away, and the log no longer has them'
    : 'left out; GET /tasks/{task_id}/events has them';
  return [
    ...shown,
    `Why ${untold === 1 ? '1 earlier attempt was' : `${untold} earlier attempts were`} made is ${where}.`,
  ];
}

type Started = Extract<Fact, { kind: 'started' }>;

/** @param between what happened from one start to the next */
function reasonOf({ data: before }: Started, between: readonly Fact[], start: Started): string {
  const readies = between.filter(isReadyFact);
  const end = between.map((fact) => endOf(before, fact)).find((text) => text !== undefined);
  const repair = readies.find(({ data }) => data.reason === 'repaired');
  if (end === undefined && repair)
    return `attempt ${before.attempt} was lost with its worker ${before.worker}, and the sweeper gave the task a new ticket at ${repair.at}`;
  if (end === undefined)
    return `attempt ${before.attempt} was lost with its worker ${before.worker}, which gave no answer, and ${start.data.worker} took over`;
  const decisive = readies.findLast(({ data }) => !BY_ITSELF.has(data.reason));
  return decisive ? `${end}, and the task ${asDone(decisive)}` : end;
}

/** What is not somebody's wish, or does not bring a task back. */
const BY_ITSELF: ReadonlySet<string> = new Set([
  'released',
  'reordered',
  'reprioritised',
  'aged',
  'submitted',
  'branched',
]);

const asDone = (fact: ReadyFact): string => `${wayOf(fact, fact.kind)} at ${fact.at} by ${fact.actor}`;

/** How the attempt ended, if the fact ended it. */
function endOf({ attempt }: { attempt: number }, fact: Fact): string | undefined {
  if (fact.kind === 'scheduled') return waitEnd(attempt, fact);
  if (fact.kind === 'held')
    return fact.data.waiting_for === SLOT
      ? undefined
      : `attempt ${attempt} waited for ${waitOf(fact.data.waiting_for)}`;
  if (fact.kind === 'yielded')
    return `the worker ${fact.data.run.worker} gave attempt ${attempt} back unharmed${because(fact.data.reason)}`;
  if (fact.kind === 'paused')
    return `attempt ${attempt} was paused by ${fact.actor}${because(fact.data.reason)}`;
  if (fact.kind === 'failed') return `attempt ${attempt} failed for good with ${told(fact.data.error)}`;
  if (fact.kind === 'cancelled') return `attempt ${attempt} was cancelled by ${fact.actor}`;
  return undefined;
}

function waitEnd(attempt: number, { data }: Extract<Fact, { kind: 'scheduled' }>): string | undefined {
  switch (data.reason) {
    case 'retry':
      return `attempt ${attempt} failed${data.error ? ` with ${told(data.error)}` : ''}`;
    case 'sleep':
      return `attempt ${attempt} slept until ${data.until}, by its own wish`;
    case 'signal':
      return `attempt ${attempt} waited for ${waitOf(data.waiting_for)}, until ${data.until} at most`;
    case 'delay':
      return undefined;
  }
}

const waitOf = (wait = 'something'): string => wait.replace(/^signal:/, 'the signal ');
