import { isName } from '@millrace/domain';
import { countTransition } from './count-transition.js';
import type { MeasuresAt, Transition } from './count-transition.js';
import { addMeasures, isNothing, noMeasures } from './measures.js';
import type { Measures } from './measures.js';

/** The measures of one minute, queue and task name. */
export interface MinuteMeasures {
  /** Start of the minute, in UTC. */
  at: string;
  queue: string;
  name: string;
  measures: Measures;
}

const MINUTE_MS = 60_000;
const ISO_LENGTH = '2026-01-01T00:00:00.000Z'.length;
const TO_THE_MINUTE = '2026-01-01T00:00'.length;

/** What the transitions add to the metrics, a row for each minute, queue and name. */
export function tallied(transitions: Iterable<Transition>): MinuteMeasures[] {
  const tally = new Map<string, MinuteMeasures>();
  const measuresAt: MeasuresAt = (at, queue, name) => {
    const minute = minuteOf(at);
    const key = `${minute} ${queue} ${name}`;
    let row = tally.get(key);
    if (!row) tally.set(key, (row = { at: minute, queue, name, measures: noMeasures() }));
    return row.measures;
  };
  for (const transition of transitions) countTransition(transition, measuresAt);
  return asStored(tally.values());
}

/** As our writers put it; whatever else is a time is told when the rows are made. */
const minuteOf = (at: string): string =>
  at.length === ISO_LENGTH && at.endsWith('Z') ? at.slice(0, TO_THE_MINUTE) : at;

/** Two texts may be the same for Postgres: a row for each, and the statement that writes them fails for ever. */
function asStored(rows: Iterable<MinuteMeasures>): MinuteMeasures[] {
  const stored = new Map<string, MinuteMeasures>();
  for (const row of rows) {
    const [queue, name] = [storedText(row.queue), storedText(row.name)];
    const at = startOfMinute(row.at.length === TO_THE_MINUTE ? `${row.at}:00.000Z` : row.at);
    const key = `${at} ${queue} ${name}`;
    const same = stored.get(key);
    if (same) addMeasures(same.measures, row.measures);
    else stored.set(key, { at, queue, name, measures: row.measures });
  }
  // A wait that is carried is one less and one more.
  return [...stored.values()].filter(({ measures }) => !isNothing(measures));
}

const startOfMinute = (time: string): string =>
  new Date(Math.floor(Date.parse(time) / MINUTE_MS) * MINUTE_MS).toISOString();

const storedText = (text: string): string =>
  isName(text) ? text : Buffer.from(text.replaceAll('\0', ' ')).toString();
