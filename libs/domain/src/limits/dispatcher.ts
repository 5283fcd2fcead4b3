import { LANES, laneRank } from '../task/kinds.js';
import type { Lane } from '../task/kinds.js';
import { Heap } from './heap.js';
import type { QueueLimits } from './queue-limits.js';
import type { CountedStarts } from './rate-window.js';
import { KeyState, Line, QueuedTask, Slots, Stage, WaitingLane } from './waiting-line.js';

/** A task as its `held` fact says it. */
export interface WaitingTask {
  id: string;
  key?: string | undefined;
  lane: Lane;
  rank: number;
  sequence: number;
}

/** What is kept of slots outside the process: whoever comes next knows from it what was given away. */
export interface SlotUse {
  /** Task → the `held` fact by which it got its slot. */
  holders: Record<string, number>;
  /** Starts of the last period, and the holders whose start is not among them. */
  window?: { starts: CountedStarts; open: string[] };
}

export type { QueuedTask } from './waiting-line.js';

/** Keys that are kept though they have nothing, before they are looked through. */
const KEYS_UNUSED_AT_MOST = 1_000;

/**
 * Who gets the next slot of a queue: lanes strictly in their order, within a lane by rank or, if the queue is fair, key by key in turn.
 * A key at its limit stands aside with all its tasks, however many they are, until something changes for it.
 *
 * It only knows what it is told; times are milliseconds since the epoch.
 */
export class Dispatcher {
  readonly #tasks = new Map<string, QueuedTask>();
  readonly #keys = new Map<string | undefined, KeyState>();
  readonly #lanes: WaitingLane[];
  readonly #slots: Slots;
  /** Keys whose rate opens by time alone. */
  readonly #asleep = new Heap<{ key: KeyState; until: number }>((a, b) => a.until < b.until);
  readonly #byKey: boolean;
  #waiting = 0;
  #now = 0;
  #lookThroughAt = KEYS_UNUSED_AT_MOST;

  constructor(private readonly limits: QueueLimits) {
    const { concurrency, rate_limit, key_concurrency, key_rate_limit, fair = false } = limits;
    this.#byKey = fair || key_concurrency !== undefined || key_rate_limit !== undefined;
    this.#slots = new Slots(concurrency, rate_limit);
    this.#lanes = LANES.map((lane) => new WaitingLane(lane, fair));
  }

  /** Tasks that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** All that have a slot. */
  get holders(): Iterable<QueuedTask> {
    return this.#slots.holders;
  }

  get holderCount(): number {
    return this.#slots.holders.size;
  }

  find(id: string): QueuedTask | undefined {
    return this.#tasks.get(id);
  }

  /** The task waits. */
  hold(task: WaitingTask): void {
    this.remove(task.id);
    const queued = new QueuedTask(
      task.id,
      this.#keyOf(task.key),
      this.#lane(task.lane),
      task.rank,
      task.sequence,
    );
    this.#tasks.set(task.id, queued);
    this.#queue(queued);
  }

  /** The task is ready and has a slot. */
  release(task: Omit<WaitingTask, 'rank'>): void {
    const queued = this.#holder(task);
    if (queued.stage === Stage.granted) {
      queued.stage = Stage.released;
      return;
    }
    if (queued.stage === Stage.released) return;
    // An attempt that was given back unharmed has started once, which was counted.
    const isOpen = queued.stage !== Stage.running;
    this.#occupy(queued, Stage.released, isOpen);
  }

  /** An attempt runs: with a slot, or without one, where the limits came later. */
  start(task: Omit<WaitingTask, 'rank'>, now: number): void {
    const queued = this.#holder(task);
    if (queued.stage === Stage.running) return;
    const wasOpen = queued.isOpen;
    this.#occupy(queued, Stage.running, false);
    if (!wasOpen) return;
    this.#slots.window?.add(now);
    queued.key.slots.window?.add(now);
  }

  /** The task neither waits for a slot nor has one. */
  remove(id: string): void {
    const task = this.#tasks.get(id);
    if (!task) return;
    this.#tasks.delete(id);
    if (task.stage === Stage.waiting) this.#unqueue(task, Stage.gone);
    else this.#vacate(task, Stage.gone);
  }

  /**
   * Those that get a slot now, in order; they count as holders from now on.
   *
   * @param lookAhead tasks of a lane and those before it that may have a slot and not have started
   */
  take(now: number, lookAhead: number, atMost: number): QueuedTask[] {
    this.#now = now;
    this.#wake(now);
    const taken: QueuedTask[] = [];
    while (taken.length < atMost && this.#slots.isFree(now)) {
      const task = this.#next(now, lookAhead);
      if (!task) break;
      this.#waiting--;
      this.#occupy(task, Stage.granted, true);
      taken.push(task);
    }
    return taken;
  }

  /** The slot of a waiting task was given by somebody else. */
  grant(task: QueuedTask): void {
    if (task.stage !== Stage.waiting) return;
    this.#unqueue(task, Stage.granted);
    this.#occupy(task, Stage.granted, true);
  }

  /** What was taken did not come to pass. */
  putBack(task: QueuedTask): void {
    if (task.stage !== Stage.granted) return;
    this.#vacate(task, Stage.waiting);
    this.#queue(task);
  }

  /** When time alone lets a waiting task through; undefined if it takes an event. */
  wakeAt(now: number): number | undefined {
    if (this.#waiting === 0) return undefined;
    if (!this.#slots.isFree(now)) return this.#slots.opensAt(now);
    return this.#asleep.first?.until;
  }

  /** How the slots of the queue are used, or those of one key; undefined when they are not. */
  use(now: number, key?: string): SlotUse | undefined {
    const slots = key === undefined ? this.#slots : this.#keys.get(key)?.slots;
    if (!slots || slots.isUnused(now)) return undefined;
    const holders: Record<string, number> = {};
    for (const { id, sequence } of slots.holders) holders[id] = sequence;
    if (!slots.window) return { holders };
    const open = [...slots.holders].filter(({ isOpen }) => isOpen).map(({ id }) => id);
    return { holders, window: { starts: slots.window.toJSON(), open } };
  }

  /**
   * Counts the starts as somebody else left them. What he had not seen start and is not open any more may have started just now.
   */
  restore(use: SlotUse | undefined, now: number, key?: string): void {
    const slots = key === undefined ? this.#slots : this.#keyOf(key).slots;
    slots.restore(use?.window?.starts);
    const started = (use?.window?.open ?? []).filter((id) => !this.#tasks.get(id)?.isOpen).length;
    if (started > 0) slots.window?.add(now, started);
  }

  #next(now: number, lookAhead: number): QueuedTask | undefined {
    let released = 0;
    for (const lane of this.#lanes) {
      released += lane.released;
      // More urgent ones are not held back by those that wait for a worker behind them.
      if (released >= lookAhead) return undefined;
      for (let line = lane.first; line; line = lane.first) {
        if (line.key.slots.isFree(now)) return lane.takeTurn(line);
        this.#park(line.key, now);
      }
    }
    return undefined;
  }

  #keyOf(name: string | undefined): KeyState {
    const known = this.#byKey ? name : undefined;
    const existing = this.#keys.get(known);
    if (existing) return existing;
    if (this.#keys.size >= this.#lookThroughAt) this.#dropUnused();
    const { key_concurrency, key_rate_limit, weights } = this.limits;
    const slots =
      known === undefined ? new Slots(undefined, undefined) : new Slots(key_concurrency, key_rate_limit);
    const weight = known === undefined ? 1 : (weights?.[known] ?? 1);
    const key = new KeyState(known, slots, weight);
    this.#keys.set(known, key);
    return key;
  }

  /** Only keys whose turns have come round: who has just had more than the others would begin anew. */
  #dropUnused(): void {
    for (const [name, { lines, slots, isParked }] of this.#keys) {
      if (isParked || !slots.isUnused(this.#now)) continue;
      const isKept = [...lines].some(([lane, line]) => line.first !== undefined || line.pass > lane.pass);
      if (!isKept) this.#keys.delete(name);
    }
    this.#lookThroughAt = this.#keys.size * 2 + KEYS_UNUSED_AT_MOST;
  }

  /** The task as it is known, or a new one of which only this is known. */
  #holder({ id, key, lane, sequence }: Omit<WaitingTask, 'rank'>): QueuedTask {
    const known = this.#tasks.get(id);
    if (known?.stage === Stage.waiting) {
      this.#unqueue(known, Stage.gone);
      known.lane = this.#lane(lane);
      return known;
    }
    if (known) return known;
    const task = new QueuedTask(id, this.#keyOf(key), this.#lane(lane), sequence, sequence);
    task.stage = Stage.gone;
    this.#tasks.set(id, task);
    return task;
  }

  #queue(task: QueuedTask): void {
    let line = task.key.lines.get(task.lane);
    if (!line) task.key.lines.set(task.lane, (line = new Line(task.key)));
    line.push(task);
    task.lane.place(line);
    this.#waiting++;
  }

  #unqueue(task: QueuedTask, stage: Stage): void {
    task.stage = stage;
    this.#waiting--;
    const line = task.key.lines.get(task.lane);
    if (!line) return;
    line.forget();
    task.lane.place(line);
  }

  #occupy(task: QueuedTask, stage: Stage, isOpen: boolean): void {
    this.#vacate(task, stage, false);
    task.isOpen = isOpen;
    for (const slots of [this.#slots, task.key.slots]) {
      slots.holders.add(task);
      if (isOpen) slots.open++;
    }
    if (stage !== Stage.running) task.lane.released++;
  }

  #vacate(task: QueuedTask, stage: Stage, isEnd = true): void {
    if (task.stage === Stage.granted || task.stage === Stage.released) {
      if (this.#slots.holders.has(task)) task.lane.released--;
    }
    for (const slots of [this.#slots, task.key.slots]) {
      if (isEnd) slots.holders.delete(task);
      if (task.isOpen) slots.open--;
    }
    task.isOpen = false;
    task.stage = stage;
    if (task.key.isParked) this.#unpark(task.key);
  }

  #park(key: KeyState, now: number): void {
    key.isParked = true;
    for (const [lane, line] of key.lines) lane.remove(line);
    const until = key.slots.opensAt(now);
    if (until === undefined || until === key.sleepsUntil) return;
    key.sleepsUntil = until;
    this.#asleep.push({ key, until });
  }

  #unpark(key: KeyState): void {
    key.isParked = false;
    for (const [lane, line] of key.lines) lane.place(line);
  }

  #wake(now: number): void {
    while (this.#asleep.first && this.#asleep.first.until <= now) {
      const { key } = this.#asleep.pop() as { key: KeyState };
      key.sleepsUntil = undefined;
      if (key.isParked) this.#unpark(key);
    }
  }

  #lane(name: Lane): WaitingLane {
    const lane = this.#lanes[laneRank(name)];
    if (!lane) throw new Error(`There is no lane ${name}.`);
    return lane;
  }
}
