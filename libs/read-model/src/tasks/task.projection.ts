import { NO_TASK, evolve, hasEnded, isLane } from '@millrace/domain';
import type { ExistingTask, Fact } from '@millrace/domain';
import type { TaskNotes } from './task.mapping.js';

/** A task as the read model knows it: the domain's state, and what a row tells beside it. */
export interface ProjectedTask {
  state: ExistingTask;
  notes: TaskNotes;
}

/** A fired timer: a ticket, but no fact. */
export interface DueNote {
  task_id: string;
  /** Sequence of the ticket. */
  sequence: number;
  /** Sequence of the wait whose timer it was. */
  after: number;
  /** When the server stored it. */
  at: string;
}

/**
 * The task after one more fact; unchanged if the fact is not newer, or says nothing because no card of the task was ever seen. The
 * domain's `evolve` is the only judge.
 */
export function project(task: ProjectedTask | undefined, fact: Fact): ProjectedTask | undefined {
  if (task && fact.sequence <= task.state.sequence) return task;
  const before = leansOnNothing(fact) ? undefined : task;
  const state = evolve(before?.state ?? NO_TASK, fact);
  return state.phase === 'none' ? task : { state, notes: notesAfter(before, state, fact) };
}

/** The task after its timer has fired; unchanged if the ticket is void. Noted for depth, position and `explain`: it moves no state. */
export function noteDue(task: ProjectedTask | undefined, due: DueNote): ProjectedTask | undefined {
  if (task?.state.phase !== 'scheduled' || task.state.sequence !== due.after) return task;
  if (due.sequence <= (task.notes.due_ticket ?? 0)) return task;
  return { state: task.state, notes: { ...task.notes, due_ticket: due.sequence, due_at: due.at } };
}

/** Whether somebody lets a task that was put aside, or has failed, go on. */
export const isResume = (before: ExistingTask | undefined, { kind, data }: Fact): boolean =>
  isLane(kind)
    ? 'reason' in data && data.reason === 'resumed'
    : kind === 'scheduled' && before?.phase === 'paused';

function notesAfter(before: ProjectedTask | undefined, state: ExistingTask, fact: Fact): TaskNotes {
  const notes = before?.notes;
  const { worker, token, started_at, progress } = attemptAfter(notes ?? notedIn(fact), state);
  const first_sequence = notes?.first_sequence ?? firstNeeded(state, fact);
  const resumed =
    !hasEnded(state) && (notes?.resumed === true || isResume(before?.state, fact)) ? true : null;
  return { first_sequence, worker, token, started_at, progress, due_ticket: null, due_at: null, resumed };
}

/** A carried wait says what it needs. A branch leans on facts of the run it came from. */
function firstNeeded({ spec, checkpoint, step }: ExistingTask, { sequence, data }: Fact): number {
  if ('carried' in data) return Math.min(sequence, data.needs ?? sequence);
  // Whoever comes back to the log brings along what it leans on.
  if ('reason' in data && BACK.has(data.reason)) return sequence;
  const oldest = checkpoint > 0 || step > 0 ? spec.branched_from?.oldest : undefined;
  return Math.min(sequence, oldest ?? sequence);
}

const BACK: ReadonlySet<string> = new Set(['redriven', 'restarted', 'resumed', 'restored']);

/** Handlers say in their reports what they work on. */
const withoutProgress = (notes: AttemptNotes): AttemptNotes => ({ ...notes, progress: null });

type AttemptNotes = Pick<TaskNotes, 'worker' | 'token' | 'started_at' | 'progress'>;

const NO_ATTEMPT: AttemptNotes = { worker: null, token: null, started_at: null, progress: null };

const attemptAfter = (notes: AttemptNotes, state: ExistingTask): AttemptNotes =>
  state.phase === 'running'
    ? {
        worker: state.run.worker,
        token: state.run.token,
        started_at: state.started_at,
        progress: state.progress ?? null,
      }
    : state.phase === 'cleaned'
      ? withoutProgress(notes)
      : notes;

/** What a carried wait still says of the attempts before it. */
const notedIn = ({ data }: Fact): AttemptNotes =>
  'carried' in data ? { ...NO_ATTEMPT, token: data.token ?? null } : NO_ATTEMPT;

/**
 * Whether the task begins with this fact, as far as the log goes: its first one, or a carried wait, which holds the whole task, so that
 * all before may leave the log. (Its checkpoint and steps are kept elsewhere.) It must look the same to who reads the log from there on.
 * What is left of a task that was cleaned up begins nothing, also where its other facts had left the log before.
 */
const leansOnNothing = ({ kind, prev, data }: Fact): boolean =>
  (prev === 0 && kind !== 'cleaned') || 'carried' in data;
