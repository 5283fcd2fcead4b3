import { Injectable } from '@nestjs/common';
import { SLOT } from '@millrace/domain';
import type { ExistingTask, HeldTask } from '@millrace/domain';
import { TaskLog, decodeDue, subjects } from '@millrace/log';
import type { QueueRecord } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import { Archive } from '../archive/archive.js';
import { TaskReader } from '../tasks/task-reader.service.js';
import { fromArchive, fromLog } from './sources.js';
import { Histories } from './histories.service.js';
import { UNKNOWN } from './situation.js';
import type { Ahead, Known, Situation, SlotUse, Timer } from './situation.js';
import { SlotUses } from './slot-uses.service.js';

/** A worker answers within milliseconds, or not at all. */
const WORKER_WITHIN_MS = 500;

/** Gathers what explains a task: a bounded number of reads, of which each may fail without the others. */
@Injectable()
export class Situations {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
    private readonly reader: TaskReader,
    private readonly histories: Histories,
    private readonly slotUses: SlotUses,
  ) {}

  /** @throws TaskRefusal `task/not-found` */
  async of(taskId: string): Promise<Situation> {
    const live = await this.reader.inLog(taskId);
    const state = live.phase === 'none' ? stateOf(await this.reader.archived(taskId)) : live;
    const queueRecord = fromLog(async () => (await this.log.buckets.queues.get(state.queue))?.value ?? null);
    const [history, queue, workers, ahead, timer, slots, isRunByWorker, progress, pauseAsk, leaders] =
      await Promise.all([
        this.histories.of(state),
        queueRecord,
        fromLog(async () => (await this.log.buckets.workers.entries()).map(({ value }) => value)),
        this.#aheadOf(state),
        this.#timerOf(state),
        this.#slotsOf(state, queueRecord),
        this.#isRun(state),
        state.phase === 'running' ? this.reader.progressOf(state) : null,
        state.phase === 'paused' ? this.#pauseAskOf(state) : null,
        fromLog(() => this.#leaders()),
      ]);
    return {
      now: Date.now(),
      state,
      history,
      queue,
      workers,
      ahead,
      timer,
      slots,
      isRunByWorker,
      progress,
      pauseAsk,
      leaders,
    };
  }

  async #aheadOf(state: ExistingTask): Promise<Ahead> {
    if (!isHeldForSlot(state) && state.phase !== 'ready' && state.phase !== 'scheduled') return UNKNOWN;
    const ahead = await fromArchive(() =>
      isHeldForSlot(state) ? this.archive.explain.heldAhead(state) : this.archive.tasks.position(state.id),
    );
    return ahead === null ? 'many' : (ahead ?? UNKNOWN);
  }

  async #timerOf(state: ExistingTask): Promise<Known<Timer>> {
    if (state.phase !== 'scheduled') return UNKNOWN;
    const ref = { queue: state.queue, task_id: state.id };
    return fromLog(async () => {
      const message = await this.log.read.lastOn(subjects.due(ref, state.lane));
      const due = message && decodeDue(ref, message.sequence, message.payload);
      if (due?.after === state.sequence) return 'fired';
      return (await this.log.admin.hasTimer(ref, state.sequence)) ? 'armed' : 'missing';
    });
  }

  async #slotsOf(state: ExistingTask, queue: Promise<Known<QueueRecord | null>>): Promise<Known<SlotUse>> {
    return isHeldForSlot(state) ? this.slotUses.of(state, await queue) : UNKNOWN;
  }

  async #isRun(state: ExistingTask): Promise<Known<boolean | null>> {
    if (state.phase !== 'running') return UNKNOWN;
    const { run } = state;
    return fromLog(async () => (await this.log.askRuns(run.worker, run, WORKER_WITHIN_MS)) ?? null);
  }

  async #pauseAskOf({ queue, id }: ExistingTask): Promise<Situation['pauseAsk']> {
    const message = await fromLog(() => this.log.read.lastOn(subjects.ask({ queue, task_id: id }, 'pause')));
    if (message === UNKNOWN || !message) return null;
    const { actor, at } = JSON.parse(message.payload) as { actor?: unknown; at?: unknown };
    return typeof actor === 'string' && typeof at === 'string' ? { actor, at } : null;
  }

  async #leaders(): Promise<ReadonlyMap<string, string>> {
    const leases = await this.log.buckets.leases.entries();
    return new Map(leases.map(({ key, value }) => [key, value.since]));
  }
}

const isHeldForSlot = (state: ExistingTask): state is HeldTask =>
  state.phase === 'held' && state.waiting_for === SLOT;
