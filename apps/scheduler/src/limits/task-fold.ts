import { NO_TASK, SLOT, isLane } from '@millrace/domain';
import type { Dispatcher, Fact, QueuedTask } from '@millrace/domain';
import { BadBodyError, decodeFact, parseSubject } from '@millrace/log';
import type { StoredMessage, TaskLog, TaskRef } from '@millrace/log';

/** Facts of tasks that began to wait just now, kept so that a free slot is given without a read. */
const FRESH_AT_MOST = 1_000;
/** Longer ones are read again. */
const FRESH_BYTES = 16 * 1024;

/** Folds the log of one queue into its dispatcher. Most facts need only their subject; few bodies are read. */
export class TaskFold {
  readonly #fresh = new Map<string, Fact & { kind: 'held' }>();

  constructor(
    private readonly log: TaskLog,
    private readonly dispatcher: Dispatcher,
    /** Told of a task that has a slot no longer. */
    private readonly onEnd: (task: QueuedTask) => void,
  ) {}

  fold(messages: readonly StoredMessage[], now: number): void {
    for (const message of messages) {
      const place = parseSubject(message.subject);
      if (place.type !== 'fact') continue;
      const known = this.dispatcher.find(place.task_id);
      // A row that was read later than the log is followed from knows better.
      if (known && message.sequence <= known.sequence) continue;
      const wasHolder = known?.isHolder ?? false;
      this.#foldOne(place, message, now);
      if (wasHolder && known && this.dispatcher.find(place.task_id) !== known) this.onEnd(known);
    }
  }

  /** The fact by which the task waits; undefined when it is not there any more. */
  async heldFact(queue: string, task: QueuedTask): Promise<(Fact & { kind: 'held' }) | undefined> {
    const fresh = this.#fresh.get(task.id);
    if (fresh?.sequence === task.sequence) return fresh;
    const fact = await this.log.read.factAt(task.sequence);
    return fact?.kind === 'held' && fact.task_id === task.id && fact.queue === queue ? fact : undefined;
  }

  #foldOne(
    { kind, queue, task_id: id }: TaskRef & { kind: Fact['kind'] },
    message: StoredMessage,
    now: number,
  ): void {
    this.#fresh.delete(id);
    if (isLane(kind)) {
      this.#ready(id, message);
      return;
    }
    switch (kind) {
      case 'held':
        this.#held(id, message);
        return;
      case 'started':
      case 'progress':
      case 'checkpoint':
      case 'step':
        this.#started({ queue, task_id: id }, message, now);
        return;
      case 'yielded': {
        const fact = read(message);
        if (!(fact?.kind === 'yielded' && fact.data.run.slot)) this.dispatcher.remove(id);
        else this.dispatcher.release({ id, lane: 'p5', sequence: message.sequence });
        return;
      }
      case 'scheduled':
      case 'paused':
      case 'succeeded':
      case 'failed':
      case 'cancelled':
      case 'cleaned':
        this.dispatcher.remove(id);
    }
  }

  #held(id: string, message: StoredMessage): void {
    const fact = read(message);
    if (fact?.kind !== 'held' || fact.data.waiting_for !== SLOT) {
      this.dispatcher.remove(id);
      return;
    }
    const { lane = 'p5', rank = fact.sequence, task } = fact.data;
    this.dispatcher.hold({ id: flat(id), key: task.concurrency_key, lane, rank, sequence: fact.sequence });
    if (message.payload.length > FRESH_BYTES || this.#fresh.size >= FRESH_AT_MOST) return;
    this.#fresh.set(flat(id), fact);
  }

  #ready(id: string, message: StoredMessage): void {
    const fact = read(message);
    if (!fact || !isLane(fact.kind) || !('slot' in fact.data)) {
      this.dispatcher.remove(id);
      return;
    }
    const key = 'task' in fact.data ? fact.data.task.concurrency_key : undefined;
    this.dispatcher.release({ id: flat(id), key, lane: fact.kind, sequence: message.sequence });
  }

  #started(ref: TaskRef, message: StoredMessage, now: number): void {
    const id = ref.task_id;
    const known = this.dispatcher.find(id);
    const at = { id: flat(id), lane: 'p5', sequence: message.sequence } as const;
    this.dispatcher.start(at, now);
    if (!known) void this.#learnKey(ref, at, now);
  }

  /** Without a slot, since its worker did not know of the limits yet: it counts all the same, in time with its key. */
  async #learnKey(
    ref: TaskRef,
    at: { id: string; lane: 'p5'; sequence: number },
    now: number,
  ): Promise<void> {
    const task = this.dispatcher.find(at.id);
    const state = await this.log.read.task(ref).catch(() => NO_TASK);
    if (state.phase !== 'running' || this.dispatcher.find(at.id) !== task) return;
    this.dispatcher.remove(at.id);
    this.dispatcher.start({ ...at, key: state.spec.concurrency_key }, now);
  }
}

/** Undefined for a body that is not what its subject promises: no worker could start it either. */
function read(message: StoredMessage): Fact | undefined {
  try {
    return decodeFact(message.subject, message.sequence, message.payload);
  } catch (error) {
    if (error instanceof BadBodyError) return undefined;
    throw error;
  }
}

/** A part of a text keeps all of it in memory: of a million subjects only the ids are to stay. */
const flat = (id: string): string => Buffer.from(id, 'latin1').toString('latin1');
