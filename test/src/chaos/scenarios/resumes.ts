import { setTimeout as sleep } from 'node:timers/promises';
import { readFacts } from '../../audit/read-facts.js';
import { compareWithRebuild } from '../../audit/rebuild.js';
import { TaskWatch } from '../../audit/task-watch.js';
import { ARCHIVE_QUEUE, Archives } from '../../system/archives.js';
import { childrenOf } from '../../system/child-processes.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { ArchiveLoad, textOf } from '../archive-load.js';
import type { Dice } from '../dice.js';
import type { Round, Scenario } from '../scenario.js';

const VICTIMS = ['worker', 'worker', 'broker', 'both', 'child'] as const;
type Victim = (typeof VICTIMS)[number];
const WORKER = { leaseSeconds: 2, quietSeconds: 1, concurrency: 3, handlers: '@millrace/samples' };
const FILES = ['file-0', 'file-1', 'file-2', 'file-3'];
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
      const lines = round.choose({ short: 100_000, long: 250_000 });
      for (const file of FILES)
        await archives.add(file, textOf(round.dice, round.dice.between(Math.floor(lines / 3), lines)));
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
  readonly #load: ArchiveLoad;

  constructor(
    private readonly system: System,
    archives: Archives,
    private readonly round: Round,
  ) {
    this.#watch = TaskWatch.start(system.log);
    this.#load = new ArchiveLoad(archives, FILES);
  }

  async tell(): Promise<void> {
    const { kills, unfinished } = this.round.choose({
      short: { kills: 6, unfinished: 3 },
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
      if (this.#watch.open < unfinished)
        await this.#load.submit(this.system, `r${this.round.seed}-${next++}`, dice);
      await sleep(ASK_AGAIN_MS);
    }
  }

  async #kill(kills: number): Promise<void> {
    const { round } = this;
    const { dice } = round;
    // At least one, whatever chance brings.
    await this.#killOneThatGoesOn();
    for (let kill = 2; kill <= kills;) {
      await this.#load.goesOn(1);
      await sleep(dice.between(0, 1500));
      await this.#load.noneIsLostTooOften(this.system);
      if (dice.chance(0.1)) await this.#drain();
      const victim = dice.pick(VICTIMS);
      if (!(await this.#harm(victim))) continue;
      this.#killed(victim);
      kill++;
    }
  }

  /** Kills the worker of an archive that has saved a checkpoint, and has not ended before the kill. */
  async #killOneThatGoesOn(): Promise<void> {
    const { system } = this;
    for (;;) {
      const { taskId, worker } = await this.#load.ahead(system);
      await this.#killWorker(worker);
      const { phase } = await system.log.read.task({ queue: ARCHIVE_QUEUE, task_id: taskId });
      await system.startWorker();
      this.#killed('worker');
      if (phase === 'running') return;
    }
  }

  #killed(victim: Victim): void {
    const { round } = this;
    round.count('kills');
    round.count(`kills of ${victim}`);
    round.note(`killed ${victim}, kill ${round.figures.kills}, with ${this.#watch.open} archives unfinished`);
  }

  /** False when there is no such victim. */
  async #harm(victim: Victim): Promise<boolean> {
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

  async #killWorker(at = this.round.dice.between(0, this.system.workers.length - 1)): Promise<void> {
    const [worker] = this.system.workers.splice(at, 1);
    await worker?.kill();
  }

  /** The same over SIGTERM: what runs is handed over. */
  async #drain(): Promise<void> {
    const [worker] = this.system.workers.splice(0, 1);
    await this.system.startWorker();
    await worker?.stop();
    this.round.count('drains');
  }

  async #conclude(): Promise<void> {
    const { round, system } = this;
    const ids = this.#load.orders.map(({ taskId }) => taskId);
    round.note(`waiting for the end of ${this.#watch.open} of ${ids.length} archives`);
    await this.#watch.allEnded(ids, END_WITHIN_MS);
    await this.#watch.stop();
    round.note('comparing checkpoints with the work on chunks');
    this.#load.judge(round, await readFacts(system.log), system);
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
  }
}
