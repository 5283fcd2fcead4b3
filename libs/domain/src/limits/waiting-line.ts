import type { Lane } from '../task/kinds.js';
import { Heap } from './heap.js';
import type { RateLimit } from './queue-limits.js';
import { RateWindow } from './rate-window.js';
import type { CountedStarts } from './rate-window.js';

/** Where a task is between its wait for a slot and the end of its attempt. A number: there may be a million of them. */
export const Stage = { waiting: 0, granted: 1, released: 2, running: 3, gone: 4 } as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

/** A task that waits for a slot or has one. */
export class QueuedTask {
  stage: Stage = Stage.waiting;
  /** It was let through, and its start is still to be counted by the rates. */
  isOpen = false;

  constructor(
    readonly id: string,
    public key: KeyState,
    public lane: WaitingLane,
    readonly rank: number,
    /** Of a waiting task: its `held` fact. Of one that has a slot: that by which it got it, if this is known. */
    readonly sequence: number,
  ) {}

  get isHolder(): boolean {
    return this.stage === Stage.granted || this.stage === Stage.released || this.stage === Stage.running;
  }
}

/** Slots of which several tasks have some: those of the queue, or of one key. */
export class Slots {
  readonly holders = new Set<QueuedTask>();
  /** Holders whose start is to be counted. */
  open = 0;
  window: RateWindow | undefined;

  constructor(
    private readonly concurrency: number | undefined,
    private readonly rate: RateLimit | undefined,
  ) {
    this.restore();
  }

  restore(starts: CountedStarts = []): void {
    this.window = this.rate && new RateWindow(this.rate, starts);
  }

  isFree(now: number): boolean {
    if (this.concurrency !== undefined && this.holders.size >= this.concurrency) return false;
    return !this.window || this.window.isOpen(now, this.open);
  }

  /** When time alone frees a slot. */
  opensAt(now: number): number | undefined {
    if (this.concurrency !== undefined && this.holders.size >= this.concurrency) return undefined;
    return this.window?.opensAt(now, this.open);
  }

  isUnused(now: number): boolean {
    return this.holders.size === 0 && (this.window?.isEmpty(now) ?? true);
  }
}

/** A key, or all tasks without one. */
export class KeyState {
  readonly lines = new Map<WaitingLane, Line>();
  /** At its limit: its lines stand aside. */
  isParked = false;
  sleepsUntil: number | undefined;

  constructor(
    readonly name: string | undefined,
    readonly slots: Slots,
    readonly weight: number,
  ) {}
}

/** The waiting tasks of one key in one lane. */
export class Line {
  readonly #tasks = new Heap<QueuedTask>(isEarlier);
  #gone = 0;
  /** Place in the heap of its lane; -1 while it stands aside. */
  at = -1;
  /** Turns that it has had, by its weight: who has had least is next. */
  pass = 0;

  constructor(readonly key: KeyState) {}

  /** The next task. */
  get first(): QueuedTask | undefined {
    while (this.#tasks.first && this.#tasks.first.stage !== Stage.waiting) {
      this.#tasks.pop();
      this.#gone--;
    }
    return this.#tasks.first;
  }

  push(task: QueuedTask): void {
    this.#tasks.push(task);
  }

  pop(): QueuedTask | undefined {
    return this.first && this.#tasks.pop();
  }

  /** One of its tasks is no longer waiting: it is passed over, and with many of them the line is cleaned. */
  forget(): void {
    this.#gone++;
    if (this.#gone < CLEAN_FROM || this.#gone * 2 < this.#tasks.size) return;
    this.#tasks.keep((task) => task.stage === Stage.waiting);
    this.#gone = 0;
  }
}

const CLEAN_FROM = 64;

const isEarlier = (a: QueuedTask, b: QueuedTask): boolean =>
  a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence);

/** The lines of one lane whose keys have slots left. */
export class WaitingLane {
  readonly #lines: Heap<Line>;
  /** Where the turns are: whoever comes anew begins here, and owes and is owed nothing. */
  #pass = 0;
  /** Tasks of this lane that have a slot and have not started. */
  released = 0;

  constructor(
    readonly name: Lane,
    private readonly fair: boolean,
  ) {
    const isFirst = (a: Line, b: Line): boolean => {
      if (fair && a.pass !== b.pass) return a.pass < b.pass;
      return a.first !== undefined && (b.first === undefined || isEarlier(a.first, b.first));
    };
    this.#lines = new Heap(isFirst, (line, at) => (line.at = at));
  }

  get first(): Line | undefined {
    return this.#lines.first;
  }

  get pass(): number {
    return this.#pass;
  }

  /** The line has tasks, or others than before. */
  place(line: Line): void {
    if (line.first === undefined) {
      this.remove(line);
      return;
    }
    if (line.at >= 0) {
      this.#lines.moveFrom(line.at);
      return;
    }
    if (line.key.isParked) return;
    line.pass = Math.max(line.pass, this.#pass);
    this.#lines.push(line);
  }

  remove(line: Line): void {
    if (line.at < 0) return;
    this.#lines.removeAt(line.at);
    line.at = -1;
  }

  /** The first line has its turn. */
  takeTurn(line: Line): QueuedTask | undefined {
    const task = line.pop();
    this.#pass = Math.max(this.#pass, line.pass);
    if (this.fair) line.pass += 1 / line.key.weight;
    this.place(line);
    return task;
  }
}
