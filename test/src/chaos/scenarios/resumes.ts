import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_LOST } from '@millrace/domain';
import { waitUntil } from '@millrace/testing';
import { readFacts } from '../../audit/read-facts.js';
import { compareWithRebuild } from '../../audit/rebuild.js';
import { attemptsIn, childDeathsIn, redoneIn, resumeFaults } from '../../audit/resume-rules.js';
import { TaskWatch } from '../../audit/task-watch.js';
import { ARCHIVE_QUEUE, Archives } from '../../system/archives.js';
import type { ArchiveOrder } from '../../system/archives.js';
import { childrenOf } from '../../system/child-processes.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import type { Dice } from '../dice.js';
import type { Round, Scenario } from '../scenario.js';

const VICTIMS = ['worker', 'worker', 'broker', 'both', 'child'] as const;
const WORKER = { leaseSeconds: 2, quietSeconds: 1, concurrency: 3, handlers: '@millrace/samples' };
/** The death of a child process fails its attempt. */
const RETRY = { max_retries: 50, delay_seconds: 0.5, backoff_factor: 1, jitter: false };
const FILES = 4;
const KIB = 1024;
const GOES_ON_WITHIN_MS = 30_000;
const END_WITHIN_MS = 90_000;
const ASK_AGAIN_MS = 300;

/** `kill -9` of workers, of the broker, of both at once and of the children of workers, at random points of archives of some MB. */
export const resumes: Scenario = {
  name: 'resumes',
  claim:
    'a killed archive goes on from its last checkpoint, does nothing before it twice, and comes to the right root',
  run: async (round: Round) => {
    const archives = await Archives.create();
    try {
      for (let at = 0; at < FILES; at++) await archives.add(`file-${at}`, textOf(round.dice));
      await withSystem({ workers: 2, worker: WORKER, env: archives.env }, (system) =>
        new Story(system, archives, round).tell(),
      );
    } finally {
      await archives.remove();
    }
  },
};

class Story {
  readonly #watch: TaskWatch;
  readonly #orders: ArchiveOrder[] = [];
  readonly #ended = new Set<string>();

  constructor(
    private readonly system: System,
    private readonly archives: Archives,
    private readonly round: Round,
  ) {
    this.#watch = TaskWatch.start(system.log);
  }

  async tell(): Promise<void> {
    const { kills, unfinished } = this.round.choose({
      short: { kills: 8, unfinished: 4 },
      long: { kills: 100, unfinished: 5 },
    });
    const stop = new AbortController();
    const feeding = this.#feed(unfinished, this.round.dice.fork(), stop.signal);
    // Awaited below; while harm is being done its failure must not end the process.
    feeding.catch(() => undefined);
    try {
      await Promise.race([this.#kill(kills), feeding]);
    } finally {
      stop.abort();
    }
    await feeding;
    await this.#conclude();
  }

  /** Keeps so many archives unfinished. */
  async #feed(unfinished: number, dice: Dice, stop: AbortSignal): Promise<void> {
    for (let next = 0; !stop.aborted;) {
      if (this.#watch.open < unfinished) await this.#submit(`r${this.round.seed}-${next++}`, dice);
      await sleep(ASK_AGAIN_MS);
    }
  }

  async #submit(taskId: string, dice: Dice): Promise<void> {
    const order = this.archives.order(taskId, {
      path: `file-${dice.between(0, FILES - 1)}`,
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
      const { status, body } = await this.system.api.submit(submission);
      if (status === 202 || status === 200) break;
      if (status !== 0 && status !== 503)
        throw new Error(`A submission was refused: ${status} ${JSON.stringify(body)}`);
      await sleep(ASK_AGAIN_MS);
    }
    this.#orders.push(order);
  }

  async #kill(kills: number): Promise<void> {
    const { round } = this;
    const { dice } = round;
    for (let kill = 1; kill <= kills;) {
      await this.#goesOn();
      await sleep(dice.between(0, 1500));
      await this.#noneIsLostTooOften();
      if (dice.chance(0.1)) await this.#drain();
      const victim = dice.pick(VICTIMS);
      if (!(await this.#harm(victim))) continue;
      round.count('kills');
      round.count(`kills of ${victim}`);
      round.note(`killed ${victim}, ${kill} of ${kills}, with ${this.#watch.open} archives unfinished`);
      kill++;
    }
  }

  /** False when there is no such victim. */
  async #harm(victim: (typeof VICTIMS)[number]): Promise<boolean> {
    const { dice } = this.round;
    switch (victim) {
      case 'worker':
        await this.#killWorker();
        await sleep(dice.chance(0.5) ? 0 : dice.between(0, 1000));
        await this.system.startWorker();
        return true;
      case 'broker':
        await this.system.nats.kill();
        await sleep(dice.chance(0.5) ? 0 : dice.between(0, 1000));
        await this.system.nats.restart();
        return true;
      case 'both':
        await Promise.all([this.#killWorker(), this.system.nats.kill()]);
        await this.system.nats.restart();
        await this.system.startWorker();
        return true;
      case 'child': {
        const children = this.system.workers.flatMap(({ pid }) => childrenOf(pid));
        if (children.length === 0) return false;
        const child = dice.pick(children);
        this.system.deaths.died(child);
        process.kill(child, 'SIGKILL');
        return true;
      }
    }
  }

  async #killWorker(): Promise<void> {
    const { workers } = this.system;
    const [worker] = workers.splice(this.round.dice.between(0, workers.length - 1), 1);
    await worker?.kill();
  }

  /** The same over SIGTERM: what runs is handed over. */
  async #drain(): Promise<void> {
    const [worker] = this.system.workers.splice(0, 1);
    await this.system.startWorker();
    await worker?.stop();
    this.round.count('drains');
  }

  /** Waits for work on one more chunk: a victim without work would prove nothing. */
  async #goesOn(): Promise<void> {
    const before = this.archives.lines().length;
    await waitUntil(() => this.archives.lines().length > before, {
      timeoutMs: GOES_ON_WITHIN_MS,
      every: 50,
      what: 'work on another chunk',
    });
  }

  /** A run that is lost again and again before it got any further is taken out, and rightly so: that is not what is tried here. */
  async #noneIsLostTooOften(): Promise<void> {
    await waitUntil(async () => (await this.#mostLost()) < MAX_LOST - 1, {
      timeoutMs: GOES_ON_WITHIN_MS,
      every: 50,
      what: 'a checkpoint of every archive that was lost twice',
    });
  }

  async #mostLost(): Promise<number> {
    let most = 0;
    for (const { taskId } of this.#orders) {
      if (this.#ended.has(taskId)) continue;
      const state = await this.system.log.read.task({ queue: ARCHIVE_QUEUE, task_id: taskId });
      if (state.phase === 'succeeded' || state.phase === 'failed') this.#ended.add(taskId);
      if (state.phase === 'running') most = Math.max(most, state.run.lost);
    }
    return most;
  }

  async #conclude(): Promise<void> {
    const { round, system } = this;
    const ids = this.#orders.map(({ taskId }) => taskId);
    round.note(`waiting for the end of ${this.#watch.open} of ${ids.length} archives`);
    await this.#watch.allEnded(ids, END_WITHIN_MS);
    await this.#watch.stop();
    round.note('comparing checkpoints with the work on chunks');
    const histories = await readFacts(system.log);
    const lines = this.archives.linesByTask();
    for (const order of this.#orders) {
      const facts = histories.get(order.taskId) ?? [];
      const done = lines.get(order.taskId) ?? [];
      round.faults.push(...resumeFaults(order, facts, done, system.deaths));
      const attempts = attemptsIn(facts);
      round.count('attempts', attempts.length);
      round.count('takeovers', attempts.filter(({ data }) => data.lost > 0).length);
      round.count('resumed', attempts.filter(({ data }) => data.checkpoint !== undefined).length);
      round.count('deaths of children', childDeathsIn(facts));
      round.count('chunks redone', redoneIn(done));
      round.count('chunks', order.chunks);
    }
    round.count('tasks', ids.length);
    round.note('comparing with a rebuild');
    const { rows, faults } = await compareWithRebuild(system);
    round.faults.push(...faults);
    round.count('rows', rows);
    round.expect(this.#watch.repairs === 0, `the sweeper repaired ${this.#watch.repairs} healthy tasks`);
    const { 'deaths of children': deaths = 0, 'kills of child': killed = 0 } = round.figures;
    round.expect(
      deaths <= killed,
      `${deaths} attempts failed with their child process; ${killed} were killed`,
    );
    round.expect((round.figures.resumed ?? 0) > 0, 'no archive was resumed');
  }
}

/** Some MB of lines that compress well, but not to nothing. */
function textOf(dice: Dice): Buffer {
  const lines = dice.between(80_000, 250_000);
  return Buffer.from(Array.from({ length: lines }, (_, at) => `${at} ${dice.next()}\n`).join(''));
}
