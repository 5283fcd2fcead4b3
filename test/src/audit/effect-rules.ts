import { MAX_LOST } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import type { Deaths } from '../system/deaths.js';
import type { JournalLine } from '../system/journal.js';
import type { AppendLineResult } from '../system/chaos-handlers.js';
import type { Case } from './case.js';
import { pidOf } from './history-rules.js';

type Started = Fact & { kind: 'started' };

/** What handlers really did agrees with the log: once per attempt, and nothing without one. */
export function effectFaults(one: Case, deaths: Deaths): string[] {
  const { facts, lines } = one;
  const attempts = facts.filter((fact): fact is Started => fact.kind === 'started');
  return [
    ...attempts.flatMap((started) => runFaults(started, lines)),
    ...strayFaults(attempts, lines),
    ...overlapFaults(lines, deaths),
    ...resultFaults(one, attempts),
  ];
}

function runFaults(started: Started, lines: JournalLine[]): string[] {
  const own = lines.filter((line) => line.token === started.sequence);
  const starts = own.filter((line) => line.word === 'start');
  const faults = starts.length > 1 ? [`attempt ${started.data.attempt} ran ${starts.length} times`] : [];
  const { attempt, lost } = started.data;
  const isLastChance = lost === MAX_LOST - 1;
  const inWorker = (line: JournalLine): boolean => line.pid === pidOf(started);
  const elsewhere = own.find((line) => !inWorker(line));
  if (elsewhere && !isLastChance) faults.push(`attempt ${attempt} ran in the process ${elsewhere.pid}`);
  if (isLastChance && own.some(inWorker))
    faults.push(`attempt ${attempt} had its last chance in the worker itself`);
  return faults;
}

/** A side effect whose fencing token is that of no attempt. */
function strayFaults(attempts: Started[], lines: JournalLine[]): string[] {
  const tokens = new Set(attempts.map((started) => started.sequence));
  return lines
    .filter((line) => !tokens.has(line.token))
    .map((line) => `did something (${line.word}) with the token ${line.token}, which is no attempt`);
}

/** Two runs at a time, unless the worker of the first was dead as far as anybody could tell. */
function overlapFaults(lines: JournalLine[], deaths: Deaths): string[] {
  const faults: string[] = [];
  const open = new Map<number, JournalLine>();
  for (const line of lines) {
    if (line.word === 'start') {
      for (const other of open.values())
        if (!deaths.wasDead(other.pid, line.at))
          faults.push(`attempt ${line.attempt} ran beside attempt ${other.attempt}`);
      open.set(line.token, line);
    }
    if (line.word === 'end' || line.word === 'fail' || line.word === 'told') open.delete(line.token);
  }
  return faults;
}

/** The attempt that succeeded has reached its end, with the result that the log keeps. */
function resultFaults({ order, facts, lines }: Case, attempts: Started[]): string[] {
  const end = facts.at(-1);
  if (end?.kind !== 'succeeded') return [];
  const token = attempts.at(-1)?.sequence;
  const wrote = lines.some((line) => line.token === token && line.word === 'end');
  if (!wrote) return ['succeeded without having reached its end'];
  const result = end.data.result as unknown as AppendLineResult;
  if (result.token !== token) return [`kept the result of ${result.token}, not that of ${token}`];
  const given = order && JSON.stringify(order.params).length;
  return given === undefined || given === result.parameterBytes
    ? []
    : [`was given ${result.parameterBytes} bytes instead of ${given}`];
}
