import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_LOST } from '@millrace/domain';
import type { Fact, Run } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { attemptsIn, childDeathsIn, redoneIn, resumeFaults } from '../audit/resume-rules.js';
import { ARCHIVE_QUEUE } from '../system/archives.js';
import type { ArchiveOrder, Archives } from '../system/archives.js';
import type { System } from '../system/system.js';
import type { Dice } from './dice.js';
import type { Round } from './scenario.js';

/** The death of a child process fails its attempt. */
const RETRY = { max_retries: 50, delay_seconds: 0.5, backoff_factor: 1, jitter: false };
const KIB = 1024;
const GOES_ON_WITHIN_MS = 30_000;
const ASK_AGAIN_MS = 300;

/** Archives of large files, which save checkpoints and go on from them. */
export class ArchiveLoad {
  readonly orders: ArchiveOrder[] = [];
  readonly #ended = new Set<string>();

  constructor(
    private readonly archives: Archives,
    private readonly files: readonly string[],
  ) {}

  /** One task, asked for until there is an answer. */
  async submit({ api }: System, taskId: string, dice: Dice): Promise<void> {
    const order = this.archives.order(taskId, {
      path: dice.pick(this.files),
      chunk_bytes: dice.pick([4, 8, 16]) * KIB,
      codec: dice.pick(['gzip', 'brotli']),
    });
    const submission = {
      task_name: 'file_archive',
      task_id: taskId,
      parameters: order.params,
      retry: RETRY,
    };
    for (;;) {
      const { status, body } = await api.submit(submission);
      if (status === 202 || status === 200) break;
      if (status !== 0 && status !== 503)
        throw new Error(`A submission was refused: ${status} ${JSON.stringify(body)}`);
      await sleep(ASK_AGAIN_MS);
    }
    this.orders.push(order);
  }

  /** Until work on so many more chunks has begun: a victim without work would prove nothing. */
  async goesOn(chunks: number): Promise<void> {
    const before = this.archives.lines().length;
    await waitUntil(() => this.archives.lines().length >= before + chunks, {
      timeoutMs: GOES_ON_WITHIN_MS,
      every: 50,
      what: `work on ${chunks} more chunks`,
    });
  }

  /** A run that is lost again and again before it got any further is taken out, and rightly so: that is not what is tried here. */
  async noneIsLostTooOften(system: System): Promise<void> {
    await waitUntil(async () => (await this.#mostLost(system)) < MAX_LOST - 1, {
      timeoutMs: GOES_ON_WITHIN_MS,
      every: 50,
      what: 'a checkpoint of every archive that was lost twice',
    });
  }

  /** A run that has saved a checkpoint, and the place of its worker among those that live. */
  async ahead(system: System): Promise<{ taskId: string; worker: number }> {
    return waitUntil(
      async () => {
        for await (const { taskId, run } of this.#running(system)) {
          const worker = system.workers.findIndex(({ id }) => id === run.worker);
          if (run.checkpoint !== undefined && worker >= 0) return { taskId, worker };
        }
        return undefined;
      },
      { timeoutMs: GOES_ON_WITHIN_MS, every: 50, what: 'an archive with a checkpoint' },
    );
  }

  /** Compares each archive with its history and with the work on it. */
  judge(round: Round, histories: ReadonlyMap<string, Fact[]>, { deaths }: Pick<System, 'deaths'>): void {
    const lines = this.archives.linesByTask();
    for (const order of this.orders) {
      const facts = histories.get(order.taskId) ?? [];
      const done = lines.get(order.taskId) ?? [];
      round.faults.push(...resumeFaults(order, facts, done, deaths));
      const attempts = attemptsIn(facts);
      round.count('attempts', attempts.length);
      round.count('takeovers', attempts.filter(({ data }) => data.lost > 0).length);
      round.count('resumed', attempts.filter(({ data }) => data.checkpoint !== undefined).length);
      round.count('deaths of children', childDeathsIn(facts));
      round.count('chunks redone', redoneIn(done));
      round.count('chunks', order.chunks);
    }
    round.expect((round.figures.resumed ?? 0) > 0, 'no archive was resumed');
  }

  async #mostLost(system: System): Promise<number> {
    let most = 0;
    for await (const { run } of this.#running(system)) most = Math.max(most, run.lost);
    return most;
  }

  async *#running({ log }: System): AsyncGenerator<{ taskId: string; run: Run }> {
    for (const { taskId } of this.orders) {
      if (this.#ended.has(taskId)) continue;
      const state = await log.read.task({ queue: ARCHIVE_QUEUE, task_id: taskId });
      if (state.phase === 'succeeded' || state.phase === 'failed') this.#ended.add(taskId);
      if (state.phase === 'running') yield { taskId, run: state.run };
    }
  }
}

/** So many lines that compress well, but not to nothing. */
export function textOf(dice: Dice, lines: number): Buffer {
  return Buffer.from(Array.from({ length: lines }, (_, at) => `${at} ${dice.next()}\n`).join(''));
}
