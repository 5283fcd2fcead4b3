import { streams, subjects } from '@millrace/log';
import type { Follower, TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';

const TOLD = [subjects.op('queue', 'paused'), subjects.op('queue', 'resumed')];

/**
 * Which of the queues of a worker are paused. There it may have no pull: when the queue is resumed, a parked one does not wake by itself, or
 * the first lane that wakes one is served, whichever it is.
 *
 * From OPS, not from a core subscription: what was told while the worker was away reaches it with the reconnect. A resume is told when all
 * lanes are there again. What is true is in the record, for two who change their minds may tell of it in the wrong order.
 */
export class PausedQueues {
  readonly #paused = new Set<string>();
  #follower: Follower | undefined;

  private constructor(
    private readonly log: TaskLog,
    private readonly queues: readonly string[],
    private readonly onChange: () => void,
  ) {}

  /**
   * Resolves once those of now are known.
   *
   * @param onChange one of them was paused or resumed: the pulls are to be made anew
   */
  static async follow(
    log: TaskLog,
    queues: readonly string[],
    onChange: () => void,
    logger: Logger,
  ): Promise<PausedQueues> {
    const paused = new PausedQueues(log, queues, onChange);
    const last = await Promise.all(TOLD.map((subject) => log.read.lastOn(subject, streams.ops.name)));
    await paused.#look(queues);
    paused.#follower = log.follow({
      stream: streams.ops.name,
      from: Math.max(...last.map((note) => note?.sequence ?? 0)) + 1,
      filters: TOLD,
      onMessages: (messages) => paused.#told(messages.map(({ payload }) => queueIn(payload))),
      onError: (error) => {
        logger.warn({ err: error }, 'Following the pauses of queues failed; trying again');
      },
    });
    return paused;
  }

  has(queue: string): boolean {
    return this.#paused.has(queue);
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  async #told(named: readonly string[]): Promise<void> {
    const ours = this.queues.filter((queue) => named.includes(queue));
    if (ours.length === 0) return;
    await this.#look(ours);
    this.onChange();
  }

  async #look(queues: readonly string[]): Promise<void> {
    for (const queue of queues) {
      const entry = await this.log.buckets.queues.get(queue);
      if (entry?.value.paused === undefined) this.#paused.delete(queue);
      else this.#paused.add(queue);
    }
  }
}

const queueIn = (payload: string): string => {
  try {
    return String((JSON.parse(payload) as { queue?: unknown }).queue);
  } catch {
    return '';
  }
};
