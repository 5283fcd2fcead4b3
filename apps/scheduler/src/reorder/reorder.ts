import { setTimeout as sleep } from 'node:timers/promises';
import { SLOT, TaskRefusal, decide, laneOf } from '@millrace/domain';
import type { Command, ExistingTask, Fact } from '@millrace/domain';
import { REORDER, subjects } from '@millrace/log';
import type { ReorderOutcome, ReorderPlan, ReorderRequest, TaskLog, TaskRef } from '@millrace/log';
import { POSITION_LIMIT } from '@millrace/read-model';
import type { LaneQueries } from '@millrace/read-model';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import { placeBetween, placesAhead } from './place.js';
import { ticketsInFront } from './tickets.js';

/** A place has been found for the task. */
export type Placed = Required<Pick<ReorderOutcome, 'new_position' | 'priority' | 'moved'>>;

/** A reorder that cannot be done now; the code is one of the gateway's problems. */
export class ReorderRefused extends Error {
  override readonly name = 'ReorderRefused';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The next leader does the rest. */
export class LeadLostError extends Error {
  override readonly name = 'LeadLostError';
}

/** A reorder as it was asked for. */
export type Asked = ReorderRequest & { sequence: number };

const LOOK_EVERY_MS = 5;

/**
 * Moves one task at a time to its place in its queue. A plain task goes to `front`, together with all that is to be ahead of it, or behind
 * those that are ahead of it there; a task that waits for a slot gets a rank between its neighbours.
 */
export class Reorder {
  constructor(
    private readonly log: TaskLog,
    private readonly lanes: LaneQueries,
    /** What a leader before this one began and did not end. */
    private plan: ReorderPlan | undefined,
    /** Whether this process still leads: one that was stopped for a while must not write between those of the next leader. */
    private readonly leads: () => boolean,
  ) {}

  /**
   * @throws TaskRefusal when the task does not wait
   * @throws ReorderRefused when it cannot be done now
   * @throws an error that isDatabaseAway knows
   */
  async carryOut(asked: Asked): Promise<Placed> {
    const ref = { queue: asked.queue, task_id: asked.task_id };
    if (this.plan?.request === asked.sequence) return this.#moveToFront(ref, this.plan);
    if (Date.now() > Date.parse(asked.deadline)) throw lapsed(asked);
    const state = await this.log.read.current(ref);
    if (state.phase === 'none')
      throw new TaskRefusal('task/not-found', `There is no task with the id ${asked.task_id}.`);
    const isHeld = state.phase === 'held' && state.waiting_for === SLOT;
    // Refuses what does not wait before anything is asked of Postgres.
    if (!isHeld) decide(MOVE, state, { now: Date.now(), random: 0 });
    await this.#untilRowsTellAll(asked);
    if (isHeld) return this.#place(ref, state, asked);
    if (asked.position === 'back') return this.#moveToBack(ref);
    return this.#moveTo(ref, asked, asked.position === 'front' ? 0 : asked.position);
  }

  async #moveTo(ref: TaskRef, asked: Asked, position: number): Promise<Placed> {
    const { queue, task_id } = ref;
    const front = await this.lanes.front(queue, task_id, FRONT_AT_MOST + 1);
    if (front.length > FRONT_AT_MOST && position < front.length) throw frontIsFull(queue);
    const missing = position - front.length;
    const tasks =
      missing < 0
        ? [task_id, ...front.slice(position)]
        : [...(missing > 0 ? await this.lanes.behindFront(queue, task_id, missing) : []), task_id];
    const stay = Math.min(position, front.length);
    const plan = { request: asked.sequence, queue, stay, tasks };
    // One ticket is written or it is not; of many, the next leader must know which are to follow.
    if (tasks.length > 1) await this.#note(plan);
    return this.#moveToFront(ref, plan);
  }

  async #note(plan: ReorderPlan): Promise<void> {
    const note = { at: new Date().toISOString(), actor: ACTOR, ...plan };
    await this.log.note('queue', REORDER.plan, note, { deadlineMs: DEADLINE_MS });
    this.plan = plan;
  }

  async #moveToFront(ref: TaskRef, { stay, tasks }: ReorderPlan): Promise<Placed> {
    const { queue, task_id } = ref;
    const tickets = await ticketsInFront({
      log: this.log,
      queue,
      tasks,
      subject: task_id,
      refuseUnlessLeading: () => {
        if (!this.leads()) throw new LeadLostError('Another process leads; it carries out the rest.');
      },
    });
    const ticket = tickets.get(task_id);
    if (!ticket) throw await this.#refusalOf(ref);
    const ahead = [...tickets.values()].filter(({ sequence }) => sequence < ticket.sequence).length;
    return { new_position: stay + ahead, priority: priorityOf(ticket), moved: tickets.size };
  }

  async #moveToBack(ref: TaskRef): Promise<Placed> {
    const { queue, task_id } = ref;
    const fact = await this.#change(ref, { type: 'move-to-back' });
    const priority = priorityOf(fact);
    const ahead = await this.lanes.countDownTo(laneOf(priority), queue, task_id, POSITION_LIMIT + 1);
    return { new_position: withinLimit(ahead), priority, moved: 1 };
  }

  async #place(ref: TaskRef, state: ExistingTask, { position }: Asked): Promise<Placed> {
    const { queue, task_id } = ref;
    const { priority } = state.spec;
    if (position === 'back') {
      await this.#change(ref, { type: 'place', lane: laneOf(priority) });
      const ahead = await this.lanes.held(queue, task_id, POSITION_LIMIT + 1, laneOf(priority));
      return { new_position: withinLimit(ahead.length), priority, moved: 1 };
    }
    const place = position === 'front' ? 0 : position;
    const rows = await this.lanes.held(queue, task_id, place + 1);
    const ahead = rows.slice(0, place);
    const between = placeBetween(ahead.at(-1), rows[place]);
    const moves = between
      ? [{ id: task_id, place: between }]
      : placesAhead(ahead, ahead.length + 1).map((to, i) => ({ id: ahead[i]?.id ?? task_id, place: to }));
    for (const move of moves)
      await this.#change({ queue, task_id: move.id }, { type: 'place', ...move.place }).catch(
        (error: unknown) => {
          // Who got its slot meanwhile is ahead in any case.
          if (move.id === task_id || !(error instanceof TaskRefusal)) throw error;
        },
      );
    return { new_position: ahead.length, priority, moved: moves.length };
  }

  async #change(ref: TaskRef, command: Command): Promise<Fact> {
    const { fact } = await this.log.change(ref, command, { actor: ACTOR, deadlineMs: DEADLINE_MS });
    if (!fact) throw await this.#refusalOf(ref);
    return fact;
  }

  /** What the task was refused for: it has moved on since it was read. */
  async #refusalOf(ref: TaskRef): Promise<Error> {
    const state = await this.log.read.current(ref);
    try {
      decide(MOVE, state, { now: Date.now(), random: 0 });
    } catch (error) {
      if (error instanceof TaskRefusal) return error;
    }
    return new ReorderRefused('task/contended', 'Others changed the task at the same time. Try again.');
  }

  /** Of all that is in the log by now: whoever asked may have changed the order just before, and so did the reorder before this one. */
  async #untilRowsTellAll(asked: Asked): Promise<void> {
    const { sequence = 0 } = (await this.log.read.lastOn(subjects.allTasks)) ?? {};
    const deadline = Date.parse(asked.deadline);
    while ((await this.lanes.projectedTo()) < sequence) {
      if (Date.now() > deadline) throw rowsAreBehind();
      await sleep(LOOK_EVERY_MS);
    }
  }
}

const MOVE: Command = { type: 'move-to-front' };
/** Tasks in `front` that a reorder may have to move again: a task at the last position that can be asked for has half as many before it. */
const FRONT_AT_MOST = 2 * POSITION_LIMIT;

const withinLimit = (ahead: number): number | null => (ahead > POSITION_LIMIT ? null : ahead);

const priorityOf = ({ data }: Fact): number => ('task' in data ? data.task.priority : 0);

const lapsed = ({ deadline }: Asked): ReorderRefused =>
  new ReorderRefused(
    'scheduler/unavailable',
    `The scheduler came to this reorder after its deadline of ${deadline}; nothing was moved. Ask for it again.`,
  );

const frontIsFull = (queue: string): ReorderRefused =>
  new ReorderRefused(
    'queue/front-full',
    `More than ${FRONT_AT_MOST} tasks of ${queue} were placed in front of the others and have not started; wait until some have, or give the task a higher priority.`,
  );

const rowsAreBehind = (): ReorderRefused =>
  new ReorderRefused(
    'archive/unavailable',
    'The read models in Postgres are behind the log, so that the order of the queue is not known; nothing was moved. Is the projector running? Try again when it has caught up.',
  );
