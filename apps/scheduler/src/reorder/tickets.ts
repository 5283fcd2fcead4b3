import { decide, isRefusal } from '@millrace/domain';
import type { Command, ExistingTask, Fact } from '@millrace/domain';
import { ConcurrencyError } from '@millrace/log';
import type { TaskLog, TaskRef } from '@millrace/log';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';

/** Tasks that are read while the ones before them are written. */
const READ_AT_ONCE = 200;
/** The broker may have stored writes in another order than they were sent in: so often they are sent anew. */
const TRIES = 3;

/** The new tickets of tasks, by id; a task that has started meanwhile, or ended, has none. */
export type NewTickets = ReadonlyMap<string, Fact>;

export interface TicketsInFront {
  log: TaskLog;
  queue: string;
  /** Their ids, in the order in which they are to run. */
  tasks: readonly string[];
  /** The one that was asked for: it may also wait for its time. */
  subject: string;
  /** Throws when this process must write no more. */
  refuseUnlessLeading: () => void;
}

/** Gives tasks new tickets in `front`, behind those that are there. Doing it twice gives the same order. */
export async function ticketsInFront(wanted: TicketsInFront): Promise<NewTickets> {
  for (let tries = 1; ; tries++) {
    const tickets = await writeTickets(wanted);
    if (areInOrder(tickets) || tries === TRIES) return tickets;
  }
}

async function writeTickets({
  log,
  queue,
  tasks,
  subject,
  refuseUnlessLeading,
}: TicketsInFront): Promise<NewTickets> {
  const writes: Promise<Fact | undefined>[] = [];
  for (let from = 0; from < tasks.length; from += READ_AT_ONCE) {
    const page = tasks.slice(from, from + READ_AT_ONCE).map((task_id) => ({ queue, task_id }));
    const states = await Promise.all(page.map((ref) => log.read.task(ref)));
    refuseUnlessLeading();
    // Sent in this turn, one after the other: the log stores them in this order.
    for (const [i, state] of states.entries()) {
      const ref = page[i] as TaskRef;
      if (state.phase === 'none' || !(ref.task_id === subject || waitsInLane(state))) continue;
      const write = moved(log, ref, state);
      // Looked at below; the reads in between must not be ended by it.
      write.catch(() => undefined);
      writes.push(write);
    }
  }
  const tickets = (await Promise.all(writes)).filter((fact) => fact !== undefined);
  return new Map(tickets.map((fact) => [fact.task_id, fact]));
}

/** A task that went on waiting for something else since its place was read is not pulled out of that. */
const waitsInLane = (state: ExistingTask): boolean =>
  state.phase === 'ready' || (state.phase === 'scheduled' && Date.parse(state.until) <= Date.now());

const MOVE: Command = { type: 'move-to-front' };

async function moved(log: TaskLog, ref: TaskRef, state: ExistingTask): Promise<Fact | undefined> {
  try {
    const event = decide(MOVE, state, { now: Date.now(), random: 0 });
    if (!event) return undefined;
    const wait = state.phase === 'scheduled' ? { endsWait: state.sequence } : {};
    return await log.append(ref, state.sequence, event, { actor: ACTOR, deadlineMs: DEADLINE_MS, ...wait });
  } catch (error) {
    if (error instanceof ConcurrencyError || isRefusal(error)) return undefined;
    throw error;
  }
}

const areInOrder = (tickets: NewTickets): boolean => {
  const sequences = [...tickets.values()].map(({ sequence }) => sequence);
  return sequences.every((sequence, i) => i === 0 || sequence > (sequences[i - 1] ?? 0));
};
