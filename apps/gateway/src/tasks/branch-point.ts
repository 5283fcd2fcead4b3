import type { ExistingTask, Fact } from '@millrace/domain';
import { ProblemError } from '../http/problem.js';
import { invalid } from './task-order.js';

/** Where a branch begins, and what it takes over. */
export interface BranchPoint {
  /** The checkpoint or step; 0 for the start of the run. */
  sequence: number;
  /** The oldest fact that a run from there needs; 0 when it needs none. */
  oldest: number;
  /** What the first fact of the branch names. */
  from: { checkpoint?: number; step?: number };
  /** The log has let go of some of it, or may have: it must be kept for the branch. */
  isBelowLog: boolean;
}

/** Where checkpoints and steps are looked for. */
interface Records {
  recordAt: (sequence: number) => Promise<Fact | undefined>;
}

const FROM_THE_START: BranchPoint = { sequence: 0, oldest: 0, from: {}, isBelowLog: false };

/**
 * Finds where a branch begins: at the sequence that is wanted, else at the last checkpoint or step of the run, else at its start.
 *
 * @throws ProblemError when the sequence is no checkpoint or step of the task, or the facts have left the log
 */
export async function findBranchPoint(
  read: Records,
  source: ExistingTask,
  wanted: number | undefined,
  log: { firstSequence: number; lastSequence: number },
): Promise<BranchPoint> {
  const sequence = wanted ?? (source.step || source.checkpoint);
  if (sequence === 0) return FROM_THE_START;
  const fact = await read.recordAt(sequence);
  if (!fact && sequence < log.firstSequence) throw gone(sequence);
  const isOurs = fact?.task_id === source.id || isTakenOver(source, sequence);
  if (!fact || !isOurs || (fact.kind !== 'checkpoint' && fact.kind !== 'step'))
    throw invalid(
      'from_sequence',
      `The fact ${sequence} is no checkpoint or step of this task. GET /api/v1/tasks/${source.id}/events lists them.`,
    );
  const from: BranchPoint['from'] =
    fact.kind === 'checkpoint'
      ? { checkpoint: sequence }
      : { step: sequence, ...(fact.data.run.checkpoint && { checkpoint: fact.data.run.checkpoint }) };
  const oldest = Math.min(await oldestStep(read, from.step), await oldestOfCheckpoint(read, from.checkpoint));
  const isBelowLog = oldest < log.firstSequence;
  return { sequence, oldest: isBelowLog ? log.lastSequence : oldest, from, isBelowLog };
}

/** A branch that has recorded nothing of its own stands where it began, at a fact of another task. */
const isTakenOver = ({ spec, checkpoint, step }: ExistingTask, sequence: number): boolean =>
  sequence === spec.branched_from?.sequence || sequence === checkpoint || sequence === step;

/** Each step names those before it since the checkpoint, many at once: the last name of the last one is the oldest. */
async function oldestStep(read: Records, last: number | undefined): Promise<number> {
  if (last === undefined) return Infinity;
  const fact = await mustRead(read, last);
  const before = fact.kind === 'step' ? fact.data.before?.at(-1) : undefined;
  return before === undefined ? last : oldestStep(read, before);
}

async function oldestOfCheckpoint(read: Records, checkpoint: number | undefined): Promise<number> {
  if (checkpoint === undefined) return Infinity;
  const fact = await mustRead(read, checkpoint);
  return Math.min(checkpoint, ...(fact.kind === 'checkpoint' ? Object.values(fact.data.steps) : []));
}

async function mustRead(read: Records, sequence: number): Promise<Fact> {
  const fact = await read.recordAt(sequence);
  if (fact) return fact;
  throw gone(sequence);
}

const gone = (sequence: number): ProblemError =>
  new ProblemError(
    'task/archived',
    `The fact ${sequence}, on which a run from there would build, has left the log and was not kept. Branch from a later checkpoint, or submit the task anew.`,
  );
