import { DEFAULT_RETRY_POLICY, NO_TASK, TaskRefusal, decide, isLane } from '@millrace/domain';
import type { Kind } from '@millrace/domain';
import { ConcurrencyError, parseSubject, streams, subjects } from '@millrace/log';
import type { Follower, TaskLog } from '@millrace/log';
import { aSpec } from '@millrace/testing';
import type { Dice } from '../chaos/dice.js';
import { Positions } from './positions.js';
import type { Plan, Wish } from './steps.js';

const ACTOR = 'api:model';
const ENDED: ReadonlySet<Kind> = new Set<Kind>(['succeeded', 'cancelled']);
/** Failed tasks may come back; the oldest of more are left in peace. */
const FAILED_AT_MOST = 20;

/** Throws one wish after another and keeps book of those that were granted, by the sequence of the fact that granted them. */
export class Player {
  readonly plans = new Map<string, Plan>();
  readonly granted = new Map<number, { wish: Wish; now: number }>();
  readonly asked = new Map<number, string>();
  readonly counts: Record<string, number> = {};
  readonly positions: Positions;
  /** The last kind of fact of each task that something may be asked of. */
  readonly #kinds = new Map<string, Kind>();
  #follower: Follower | undefined;
  #tasks = 0;

  constructor(
    private readonly log: TaskLog,
    private readonly queue: string,
    private readonly dice: Dice,
  ) {
    this.positions = new Positions(log, queue, ACTOR);
  }

  start(): this {
    this.positions.start();
    this.#follower = this.log.follow({
      stream: streams.tasks.name,
      from: 1,
      filters: [subjects.allTasks],
      onMessages: (messages) => {
        for (const { subject } of messages) this.#see(subject);
      },
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
    await this.positions.stop();
  }

  /** Tasks that have not ended, as far as is seen. */
  get open(): string[] {
    return [...this.#kinds].filter(([, kind]) => kind !== 'failed').map(([id]) => id);
  }

  /** Tasks in a lane. */
  get waiting(): number {
    return this.#idsOf(isLane).length;
  }

  async submit(): Promise<void> {
    const { dice } = this;
    const now = Date.now();
    const id = `m${++this.#tasks}`;
    const plan: Plan = {
      ms: dice.chance(0.1) ? dice.between(20, 60) : dice.between(0, 8),
      fails: dice.chance(0.15) ? dice.between(1, 3) : 0,
      isFatal: dice.chance(0.2),
      retry: { ...DEFAULT_RETRY_POLICY, max_retries: 2, delay_seconds: 0.1, jitter: false },
      ...(dice.chance(0.05) && { expiresAt: now + dice.between(100, 1500) }),
    };
    this.plans.set(id, plan);
    const spec = aSpec({
      name: 'planned',
      priority: dice.chance(0.5) ? 5 : dice.between(0, 10),
      retry: plan.retry,
      ...(plan.expiresAt !== undefined && { expires_at: new Date(plan.expiresAt).toISOString() }),
    });
    const wish: Wish = {
      type: 'submit',
      spec,
      parameters: {},
      ...(dice.chance(0.15) && { not_before: this.#soon(now) }),
    };
    const event = decide(wish, NO_TASK, { now, random: 0 });
    if (!event) throw new Error('A submission makes an event.');
    const fact = await this.log.append(this.#ref(id), 0, event, { actor: ACTOR, now });
    this.#note(fact.sequence, wish, now);
  }

  /** One wish for one task: mostly one that may come true where the task is now. */
  async wish(): Promise<void> {
    const { dice } = this;
    const wish = this.#throw();
    const ids = dice.chance(0.95) ? this.#idsOf(TARGETS[wish.type]) : [...this.#kinds.keys()];
    if (ids.length === 0) return;
    await this.ask(dice.pick(ids), wish);
  }

  /** Has one of those that wait moved to some position, near the front as often as not. */
  async reorder(): Promise<void> {
    const { dice } = this;
    const ids = this.#idsOf(mayMove);
    if (ids.length === 0 || this.positions.isBusy) return;
    const most = dice.chance(0.5) ? 3 : ids.length + 2;
    await this.positions.move(dice.pick(ids), dice.between(0, most));
  }

  async ask(id: string, wish: Wish): Promise<void> {
    const now = Date.now();
    if (wish.type === 'pause' && this.#kinds.get(id) === 'started' && this.dice.chance(0.7)) {
      const ask = { at: new Date(now).toISOString(), actor: ACTOR, reason: 'asked', grace_seconds: 1 };
      this.asked.set(await this.log.ask(this.#ref(id), 'pause', ask), id);
      this.#count('ask to pause');
      return;
    }
    try {
      const { fact } = await this.log.change(this.#ref(id), wish, { actor: ACTOR, now });
      if (fact) this.#note(fact.sequence, wish, now);
    } catch (error) {
      if (!(error instanceof TaskRefusal || error instanceof ConcurrencyError)) throw error;
      this.#count('refused');
    }
  }

  /** Lets go on whatever was put aside. */
  async resumeAll(): Promise<void> {
    const paused = this.#idsOf((kind) => kind === 'paused');
    await Promise.all(paused.map((id) => this.ask(id, { type: 'resume' })));
  }

  #throw(): Wish {
    const { dice } = this;
    switch (dice.pick(WISHES)) {
      case 'change-priority':
        return { type: 'change-priority', priority: dice.between(0, 10) };
      case 'reschedule':
        return { type: 'reschedule', until: this.#soon(Date.now()) };
      case 'pause':
        return { type: 'pause', reason: 'asked' };
      case 'move-to-front':
        return { type: 'move-to-front' };
      case 'move-to-back':
        return { type: 'move-to-back' };
      case 'age':
        return { type: 'age' };
      case 'run-now':
        return { type: 'run-now' };
      case 'resume':
        return { type: 'resume' };
      case 'retry':
        return { type: 'retry' };
      case 'cancel':
        return { type: 'cancel' };
    }
  }

  #soon(now: number): string {
    return new Date(now + this.dice.between(10, 800)).toISOString();
  }

  #idsOf(wanted: (kind: Kind) => boolean): string[] {
    return [...this.#kinds].filter(([, kind]) => wanted(kind)).map(([id]) => id);
  }

  #ref(id: string): { queue: string; task_id: string } {
    return { queue: this.queue, task_id: id };
  }

  #note(sequence: number, wish: Wish, now: number): void {
    this.granted.set(sequence, { wish, now });
    this.#count(wish.type);
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #see(subject: string): void {
    const parsed = parseSubject(subject);
    if (parsed.type !== 'fact' || parsed.queue !== this.queue) return;
    const { task_id: id, kind } = parsed;
    this.#kinds.delete(id);
    if (ENDED.has(kind)) return;
    this.#kinds.set(id, kind);
    const failed = kind === 'failed' ? this.#idsOf((other) => other === 'failed') : [];
    if (failed.length > FAILED_AT_MOST) this.#kinds.delete(failed[0] ?? '');
  }
}

type Repeatable = Exclude<Wish['type'], 'submit'>;

/** As often as they stand here. */
const WISHES: readonly Repeatable[] = [
  ...['move-to-front', 'move-to-front', 'move-to-back', 'change-priority', 'change-priority', 'age'],
  ...['reschedule', 'run-now', 'pause', 'pause', 'resume', 'resume', 'resume', 'retry', 'cancel'],
] as Repeatable[];

const mayMove = (kind: Kind): boolean => isLane(kind) || kind === 'scheduled';
const mayEnd = (kind: Kind): boolean => mayMove(kind) || kind === 'started';

/** Where a task is of which it may be asked. */
const TARGETS: Readonly<Record<Wish['type'], (kind: Kind) => boolean>> = {
  submit: () => false,
  'move-to-front': mayMove,
  'move-to-back': mayMove,
  age: mayMove,
  'change-priority': mayMove,
  reschedule: mayMove,
  'run-now': (kind) => kind === 'scheduled',
  pause: mayEnd,
  resume: (kind) => kind === 'paused' || kind === 'failed',
  retry: (kind) => kind === 'failed',
  cancel: mayEnd,
};
