import type { Fact, TaskError } from '@millrace/domain';
import type { ArchiveOrder, ChunkLine } from '../system/archives.js';
import type { Deaths } from '../system/deaths.js';
import { attemptFaults, chainFaults, endFaults } from './history-rules.js';

type Started = Fact & { kind: 'started' };
type Checkpoint = Fact & { kind: 'checkpoint' };

/** Compares an archive with its history and with the chunks that its attempts really worked on. */
export function resumeFaults(
  order: ArchiveOrder,
  facts: Fact[],
  lines: readonly ChunkLine[],
  deaths: Deaths,
): string[] {
  const one = { taskId: order.taskId, order: undefined, facts, lines: [] };
  const faults = [
    ...endFaults(one),
    ...chainFaults(one),
    ...attemptFaults(one, deaths, isDeathOfChild),
    ...resultFaults(order, facts),
    ...lossFaults(facts),
    ...placeFaults(facts),
    ...chunkFaults(order, facts, lines),
  ];
  return faults.map((fault) => `${order.taskId}: ${fault}`);
}

/** It has succeeded, with the root of the file. */
function resultFaults({ root, chunks }: ArchiveOrder, facts: Fact[]): string[] {
  const end = facts.at(-1);
  if (end?.kind !== 'succeeded') return [`ended as ${end?.kind ?? 'nothing'}`];
  const result = end.data.result as { root?: string; parts?: number } | null;
  return result?.root === root && result.parts === chunks
    ? []
    : [`came to the root ${result?.root} of ${result?.parts} parts, not to ${root} of ${chunks}`];
}

/** Losses in a row are counted since the last sign that the run got further. */
function lossFaults(facts: Fact[]): string[] {
  const faults: string[] = [];
  let wanted = 0;
  for (const fact of facts) {
    if (fact.kind === 'started') {
      if (fact.data.lost !== wanted)
        faults.push(`attempt ${fact.data.attempt} counts ${fact.data.lost} losses, not ${wanted}`);
      wanted = fact.data.lost + 1;
    }
    if (fact.kind === 'checkpoint' || fact.kind === 'step') wanted = 1;
    if (fact.kind === 'yielded' || fact.kind === 'scheduled') wanted = 0;
  }
  return faults;
}

/** Each attempt starts from the last checkpoint that was in the log before it. */
function placeFaults(facts: Fact[]): string[] {
  return attemptsIn(facts).flatMap((started) => {
    const last = lastCheckpoint(facts, started)?.sequence;
    return started.data.checkpoint === last
      ? []
      : [`attempt ${started.data.attempt} starts from ${started.data.checkpoint}, not from ${last}`];
  });
}

/** An attempt works on the chunks from its checkpoint on, one after the other, each once: what lies before was not done again. */
function chunkFaults(order: ArchiveOrder, facts: Fact[], lines: readonly ChunkLine[]): string[] {
  const faults: string[] = [];
  const attempts = attemptsIn(facts);
  for (const started of attempts) {
    const begin = placeOf(lastCheckpoint(facts, started));
    const done = lines.filter(({ token }) => token === started.sequence).map(({ chunk }) => chunk);
    if (done.some((chunk, at) => chunk !== begin + at) || begin + done.length > order.chunks)
      faults.push(`attempt ${started.data.attempt} should go on at ${begin}, and did ${outline(done)}`);
  }
  const tokens = attempts.map(({ sequence }) => sequence);
  for (const { token, chunk } of lines)
    if (!tokens.includes(token))
      faults.push(`did chunk ${chunk} with the token ${token}, which is no attempt`);
  if (lines.some(({ token }, at) => token < (lines[at - 1]?.token ?? 0)))
    faults.push('was worked on by an attempt that had been overtaken');
  const missing = order.chunks - new Set(lines.map(({ chunk }) => chunk)).size;
  if (missing > 0) faults.push(`left ${missing} chunks out`);
  return faults;
}

/** Attempts that failed because the child process of their handler was killed. */
export const childDeathsIn = (facts: Fact[]): number =>
  facts.filter((fact) => fact.kind === 'scheduled' && isDeathOfChild(fact.data.error)).length;

/** The latter name when it was killed while it started. */
const isDeathOfChild = (error: TaskError | undefined): boolean =>
  error?.name === 'HandlerProcessDied' || error?.name === 'HandlerProcessStartError';

/** Chunks that were done again: those after the last checkpoint of a lost attempt. */
export const redoneIn = (lines: readonly ChunkLine[]): number =>
  lines.length - new Set(lines.map(({ chunk }) => chunk)).size;

export const attemptsIn = (facts: Fact[]): Started[] =>
  facts.filter((fact): fact is Started => fact.kind === 'started');

const lastCheckpoint = (facts: Fact[], before: Fact): Checkpoint | undefined =>
  facts.findLast((fact): fact is Checkpoint => fact.kind === 'checkpoint' && fact.sequence < before.sequence);

const placeOf = (checkpoint: Checkpoint | undefined): number =>
  (checkpoint?.data.state as { chunks: number } | undefined)?.chunks ?? 0;

const outline = (chunks: number[]): string =>
  chunks.length > 12 ? `${chunks.slice(0, 12).join(' ')} … (${chunks.length})` : chunks.join(' ');
