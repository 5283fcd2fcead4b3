import { LANES, laneOf, laneRank, mayRetry, retryDelayMs } from '@millrace/domain';
import type { Fact, Lane } from '@millrace/domain';
import { Line } from './line.js';
import { Reordering } from './reordering.js';
import type { Plan, Step, StepOfTask, Wish } from './steps.js';

/** A wait for a time: a delay, or a retry. */
interface Wait {
  until: number;
  reason: 'delay' | 'retry';
  lane: Lane;
  /** The fact with which it began. */
  fact: number;
}

type Place =
  /** `wait`: of a task whose time has come. */
  | { in: 'line'; wait?: Wait }
  | { in: 'time'; wait: Wait }
  | { in: 'work'; worker: string; isAsked: boolean }
  | { in: 'aside'; until?: number }
  | { in: 'end'; as: End };

/** How a task of the model ends. */
export type End = 'succeeded' | 'failed' | 'cancelled';

interface Task {
  plan: Plan;
  priority: number;
  begun: number;
  failed: number;
  lost: number;
  place: Place;
}

/** Attempts lost in a row that end a task. */
const LOST_AT_MOST = 3;
/** Clocks are read before the write that they stamp. */
const CLOCK_MS = 50;

/**
 * What ought to happen, told without the code that is tested: a list of those that wait, and where all others are. It is played what was
 * asked for and what happened, in the order of the log, and notes whatever it would not have done.
 */
export class Model {
  readonly faults: string[] = [];
  /**
   * Of each start, how many stood before the task that started, at the best moment for it between the slot's becoming free and the start:
   * somewhere in between the worker has asked whose turn it is.
   */
  readonly outOfPlace: number[] = [];
  /** The same at the last moment, when the start is in the log: also those count that came while the ticket was on its way. */
  readonly outOfPlaceAtLast: number[] = [];
  /** Where the log has each start. */
  readonly startedAt: number[] = [];
  /** Of each reorder, how far from its position the task came to stand. */
  readonly besidePosition: number[] = [];
  takeOvers = 0;
  readonly #line = new Line();
  readonly #dead = new Set<string>();
  #isPaused = false;
  #reordering: Reordering | undefined;
  readonly #tasks = new Map<string, Task>();

  constructor(private readonly plans: ReadonlyMap<string, Plan>) {}

  /** Tasks that have no end yet. */
  get open(): string[] {
    return [...this.#tasks].filter(([, { place }]) => place.in !== 'end').map(([id]) => id);
  }

  /** Tasks by their end. */
  get ends(): Record<End, number> {
    const ends = { succeeded: 0, failed: 0, cancelled: 0 };
    for (const { place } of this.#tasks.values()) if (place.in === 'end') ends[place.as]++;
    return ends;
  }

  play(step: Step): void {
    if (step.by === 'queue') {
      this.#isPaused = step.word === 'paused';
      this.#line.slotFreed();
    } else if (step.by === 'death') {
      this.#dead.add(step.worker);
      // Its successor has a slot from its first moment on, whatever becomes of the attempt that was lost.
      this.#line.slotFreed();
    } else if (step.by === 'reordered') {
      this.#reordered(step.sequence);
    } else this.#play(step);
  }

  #play(step: StepOfTask): void {
    const { id } = step;
    const task = this.#tasks.get(id);
    if (!task) {
      if (step.by === 'wish' && step.wish.type === 'submit') this.#submit(id, step.wish, step.sequence);
      else this.#fault(step, 'concerns a task that nobody submitted');
      return;
    }
    if (step.by === 'reorder') this.#reordering = new Reordering(id, step.position);
    else if (step.by === 'worker' && step.fact.kind === 'front') this.#reissued(task, step);
    else {
      this.#reordering?.otherStep(id);
      this.#happened(task, step);
    }
  }

  #happened(task: Task, step: Exclude<StepOfTask, { by: 'reorder' }>): void {
    switch (step.by) {
      case 'wish':
        this.#grant(task, step);
        return;
      case 'ask':
        if (task.place.in === 'work') task.place.isAsked = true;
        return;
      case 'timer':
        this.#timeHasCome(task, step);
        return;
      case 'worker':
        this.#worked(task, step, step.fact);
    }
  }

  /** With its new ticket it stands last in front. */
  #reissued(task: Task, step: StepOfTask & { by: 'worker' }): void {
    const { id } = step;
    const isAsked = this.#reordering?.id === id;
    const { place } = task;
    // One that has run meanwhile, and whose next attempt is due, waits again.
    const isDue = place.in === 'time' && place.wait.until <= Date.parse(step.fact.at);
    const mayMove = place.in === 'line' || isDue || (isAsked && place.in === 'time');
    if (!this.#reordering || !mayMove) this.#fault(step, 'was moved by the scheduler');
    this.#queue(id, task, 'front');
    const found = this.#line.placeOf(this.#reordering?.id ?? id);
    this.#reordering?.ticketWritten(id, found, this.#line.length);
  }

  #reordered(sequence: number): void {
    const { id, beside, isExplained = true } = this.#reordering ?? {};
    this.#reordering = undefined;
    if (beside !== undefined) this.besidePosition.push(beside);
    if (!isExplained)
      this.faults.push(`${id} came to stand ${beside} beside its position before ${sequence}`);
  }

  #submit(id: string, wish: Wish & { type: 'submit' }, fact: number): void {
    const plan = this.plans.get(id);
    if (!plan) throw new Error(`There is no plan of ${id}.`);
    const { priority } = wish.spec;
    const task: Task = { plan, priority, begun: 0, failed: 0, lost: 0, place: { in: 'aside' } };
    this.#tasks.set(id, task);
    if (wish.not_before === undefined) this.#queue(id, task, laneOf(priority));
    else this.#wait(id, task, Date.parse(wish.not_before), 'delay', laneOf(priority), fact);
  }

  #grant(task: Task, step: StepOfTask & { by: 'wish' }): void {
    const { id, wish, sequence } = step;
    const { place } = task;
    const wait = 'wait' in place ? place.wait : undefined;
    const lane = wait?.lane ?? this.#line.laneOf(id);
    const isReady = place.in === 'line' && !wait;
    const own = laneOf(task.priority);
    switch (wish.type) {
      case 'submit':
        this.#fault(step, 'was submitted again');
        return;
      case 'move-to-front':
      case 'move-to-back':
        if (lane !== undefined) this.#queue(id, task, wish.type === 'move-to-front' ? 'front' : own);
        else this.#fault(step, 'was moved');
        return;
      case 'age':
        if (lane !== undefined && (isReady || (wait?.until ?? Infinity) <= step.now))
          this.#queue(id, task, LANES[laneRank(lane) - 1] ?? lane);
        else this.#fault(step, 'was aged');
        return;
      case 'change-priority':
        task.priority = wish.priority;
        if (wait) this.#wait(id, task, wait.until, wait.reason, laneOf(wish.priority), sequence);
        else if (isReady) this.#queue(id, task, laneOf(wish.priority));
        else this.#fault(step, 'got another priority');
        return;
      case 'reschedule':
        if (lane === undefined) this.#fault(step, 'was rescheduled');
        else this.#wait(id, task, Date.parse(wish.until), wait?.reason ?? 'delay', lane, sequence);
        return;
      case 'run-now':
        if (wait) this.#queue(id, task, wait.lane);
        else this.#fault(step, 'was let run now');
        return;
      case 'pause':
        if (place.in === 'end' || place.in === 'aside') this.#fault(step, 'was paused');
        if (place.in === 'work') task.lost = 0;
        this.#put(id, task, { in: 'aside', ...(wait?.reason === 'delay' && { until: wait.until }) });
        return;
      case 'resume':
        if (place.in === 'aside' && place.until !== undefined && place.until > step.now)
          this.#wait(id, task, place.until, 'delay', own, sequence);
        else if (place.in === 'aside') this.#queue(id, task, own);
        else this.#redrive(task, step);
        return;
      case 'retry':
        this.#redrive(task, step);
        return;
      case 'cancel':
        if (place.in === 'end') this.#fault(step, 'was cancelled');
        this.#put(id, task, { in: 'end', as: 'cancelled' });
    }
  }

  #redrive(task: Task, step: StepOfTask): void {
    if (!(task.place.in === 'end' && task.place.as === 'failed')) this.#fault(step, 'was redriven');
    task.failed = task.lost = 0;
    this.#queue(step.id, task, laneOf(task.priority));
  }

  /** A timer of a wait that is over is void. */
  #timeHasCome(task: Task, step: StepOfTask & { by: 'timer' }): void {
    const { place } = task;
    if (place.in !== 'time' || place.wait.fact !== step.after) return;
    const { wait } = place;
    if (wait.lane !== step.lane) this.#fault(step, `came into ${step.lane} instead of ${wait.lane}`);
    if (step.at < wait.until - CLOCK_MS) this.#fault(step, `came ${wait.until - step.at} ms too early`);
    this.#queue(step.id, task, wait.lane, wait);
  }

  #worked(task: Task, step: StepOfTask, fact: Fact): void {
    const { place } = task;
    if (fact.kind === 'started') {
      this.#started(task, step, fact);
    } else if (fact.kind === 'cancelled') {
      this.#expired(task, step, fact);
    } else if (place.in !== 'work') {
      this.#fault(step, `is ${fact.kind} without an attempt`);
    } else if (fact.kind === 'paused') {
      if (!place.isAsked) this.#fault(step, 'was paused by its worker, unasked');
      task.lost = 0;
      this.#put(step.id, task, { in: 'aside' });
    } else if (fact.kind === 'failed' && fact.data.reason === 'worker_lost') {
      if (task.lost + 1 < LOST_AT_MOST) this.#fault(step, `ended after ${task.lost + 1} losses`);
      this.#put(step.id, task, { in: 'end', as: 'failed' });
    } else {
      this.#attemptEnded(task, step, fact);
    }
  }

  #started(task: Task, step: StepOfTask, fact: Fact & { kind: 'started' }): void {
    const { id } = step;
    const { place, plan } = task;
    const { worker, attempt } = fact.data;
    if (place.in === 'line') {
      this.#judge(id, step.sequence);
      if (this.#isPaused) this.#fault(step, 'started while its queue was paused');
      if (task.begun === 0 && Date.parse(fact.at) > (plan.expiresAt ?? Infinity) + CLOCK_MS)
        this.#fault(step, 'started after it had expired');
    } else if (place.in === 'work' && worker !== place.worker && this.#dead.has(place.worker)) {
      this.takeOvers++;
      task.lost++;
    } else this.#fault(step, `started while it was in ${place.in}`);
    task.begun++;
    if (attempt !== task.begun) this.#fault(step, `started attempt ${attempt} instead of ${task.begun}`);
    this.#put(id, task, { in: 'work', worker, isAsked: false });
  }

  #judge(id: string, sequence: number): void {
    this.outOfPlace.push(this.#line.bestPlaceOf(id) ?? 0);
    this.outOfPlaceAtLast.push(this.#line.placeOf(id) ?? 0);
    this.startedAt.push(sequence);
  }

  #expired(task: Task, step: StepOfTask, fact: Fact & { kind: 'cancelled' }): void {
    const due = task.begun === 0 && Date.parse(fact.at) >= (task.plan.expiresAt ?? Infinity) - CLOCK_MS;
    if (!due || fact.data.reason !== 'expired') this.#fault(step, `was cancelled (${fact.data.reason})`);
    this.#put(step.id, task, { in: 'end', as: 'cancelled' });
  }

  #attemptEnded(task: Task, step: StepOfTask, fact: Fact): void {
    const { id, sequence } = step;
    const { fails, isFatal, retry } = task.plan;
    const isFailure = task.failed < fails;
    if (isFailure) task.failed++;
    task.lost = 0;
    const isFinal = isFatal || !mayRetry(retry, task.failed);
    const expected = !isFailure ? 'succeeded' : isFinal ? 'failed' : 'scheduled';
    if (fact.kind !== expected) this.#fault(step, `is ${fact.kind} instead of ${expected}`);
    if (fact.kind === 'scheduled') {
      const until = Date.parse(fact.data.until);
      const delayMs = retryDelayMs(retry, task.failed, 0);
      if (Math.abs(until - Date.parse(fact.at) - delayMs) > CLOCK_MS)
        this.#fault(step, `is tried again at ${fact.data.until}, not ${delayMs} ms after ${fact.at}`);
      this.#wait(id, task, until, 'retry', laneOf(task.priority), sequence);
    } else this.#put(id, task, { in: 'end', as: isFailure ? 'failed' : 'succeeded' });
  }

  #queue(id: string, task: Task, lane: Lane, wait?: Wait): void {
    this.#put(id, task, { in: 'line', ...(wait && { wait }) });
    this.#line.add(id, lane);
  }

  #wait(id: string, task: Task, until: number, reason: Wait['reason'], lane: Lane, fact: number): void {
    this.#put(id, task, { in: 'time', wait: { until, reason, lane, fact } });
  }

  #put(id: string, task: Task, place: Place): void {
    this.#line.remove(id);
    if (task.place.in === 'work' && !this.#dead.has(task.place.worker)) this.#line.slotFreed();
    task.place = place;
  }

  #fault({ id, sequence }: StepOfTask, what: string): void {
    const { place } = this.#tasks.get(id) ?? {};
    this.faults.push(`${id} ${what} at ${sequence} (${JSON.stringify(place ?? null)})`);
  }
}
