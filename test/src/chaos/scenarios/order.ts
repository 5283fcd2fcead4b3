import { setTimeout as sleep } from 'node:timers/promises';
import { openTestLog, startTestNats, startTestPostgres, waitUntil } from '@millrace/testing';
import type { TaskLog } from '@millrace/log';
import { lastTaskSequence } from '../../audit/read-facts.js';
import { Model } from '../../model/model.js';
import { LEASE_SECONDS, OneSlotWorker } from '../../model/one-slot-worker.js';
import type { Effect } from '../../model/one-slot-worker.js';
import { pauseForAWhile } from '../../model/queue-pauses.js';
import { Player } from '../../model/player.js';
import { doubleEffects, readSteps } from '../../model/replay.js';
import type { Step } from '../../model/steps.js';
import { AppSlot } from '../../system/app-slot.js';
import type { Round, Scenario } from '../scenario.js';

const QUEUE = 'line';
/** So many may have stood before a task that starts; see {@link Model.outOfPlace}. */
const OUT_OF_PLACE_AT_MOST = 2;
const REORDERS = 0.05;
/** Of the starts of a game so few may pass more: on a machine that has no time for them one in two thousand did. */
const PASSING_AT_MOST = 1;
/** Else the line would move so much that nothing could be said of its order. */
const EXACT_AT_LEAST = 0.75;
const WAITING = { least: 8, most: 40 };
const END_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 60_000;
/** A reorder takes so long, about: the scheduler dies at any moment of it. */
const REORDER_MS = 30;

/** A queue with one slot, played with at random, and beside it a plain list with which the same is done. */
export const order: Scenario = {
  name: 'order',
  claim: 'tasks start in the order of a plain list, each once and none left out, whatever is asked meanwhile',
  run: async (round: Round) => {
    const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
    const log = await openTestLog(nats.url, { leaseSeconds: LEASE_SECONDS });
    const env = { NATS_URL: nats.url, DATABASE_URL: await postgres.freshDatabase() };
    // Only who moves a task to a position needs them.
    const [projector, scheduler] = [new AppSlot('projector', env), new AppSlot('scheduler', env)];
    try {
      await log.provisionQueue(QUEUE, 'test');
      projector.start();
      await scheduler.start().line(/"concern":"reorder","msg":"Leads"/, READY_WITHIN_MS);
      await new Game(round, log, nats.url, scheduler).play();
    } finally {
      await Promise.all([projector.kill(), scheduler.kill(), log.close()]);
      await Promise.all([nats.stop(), postgres.stop()]);
    }
  },
};

class Game {
  readonly #player: Player;
  readonly #effects: Effect[] = [];
  readonly #deaths: { sequence: number; by: 'death'; worker: string }[] = [];
  readonly #pauses: Step[] = [];
  readonly #stopping: Promise<void>[] = [];

  constructor(
    private readonly round: Round,
    private readonly log: TaskLog,
    private readonly natsUrl: string,
    private readonly scheduler: AppSlot,
  ) {
    this.#player = new Player(log, QUEUE, round.dice.fork());
  }

  async play(): Promise<void> {
    const { round } = this;
    const { lives, seconds } = round.choose({
      short: { lives: 3, seconds: 4 },
      long: { lives: 8, seconds: 6 },
    });
    this.#player.start();
    let worker = await this.#newWorker();
    for (let life = 1; life <= lives; life++) {
      const [pause] = await Promise.all([pauseForAWhile(this.log, QUEUE), this.#wishFor(seconds * 1000)]);
      this.#pauses.push(...pause);
      round.count('pauses of the queue');
      if (life === lives) break;
      await this.#kill(worker);
      if (life === 1) await this.#killScheduler();
      worker = await this.#newWorker();
    }
    await this.#letEnd();
    await Promise.all([worker.stop(), ...this.#stopping]);
    await this.#player.stop();
    await this.#compare();
  }

  #newWorker(): Promise<OneSlotWorker> {
    return OneSlotWorker.start(this.natsUrl, QUEUE, this.#player.plans, this.#effects);
  }

  /** Mostly in the midst of an attempt, so that there is one to take over. */
  async #kill(worker: OneSlotWorker): Promise<void> {
    if (this.round.dice.chance(0.8)) await waitUntil(() => worker.isBusy, { every: 1 });
    worker.die();
    this.#deaths.push({ sequence: await lastTaskSequence(this.log), by: 'death', worker: worker.id });
    this.round.count('workers that died');
    this.#stopping.push(worker.stop());
  }

  /** In the midst of a reorder, which the next one ends. */
  async #killScheduler(): Promise<void> {
    this.#stopping.push(this.#player.reorder());
    await sleep(this.round.dice.between(0, REORDER_MS));
    await this.scheduler.kill();
    this.scheduler.start();
    this.round.count('schedulers that died');
  }

  async #wishFor(ms: number): Promise<void> {
    const { dice } = this.round;
    const until = performance.now() + ms;
    while (performance.now() < until) {
      const player = this.#player;
      const { waiting } = player;
      const wantsMore = waiting < WAITING.least || (waiting < WAITING.most && dice.chance(0.4));
      if (wantsMore) await player.submit();
      else if (dice.chance(REORDERS)) await player.reorder();
      // Sometimes two at once: then the log decides which came first.
      else await Promise.all(Array.from({ length: dice.chance(0.1) ? 2 : 1 }, () => player.wish()));
      await sleep(dice.between(2, 8));
    }
  }

  async #letEnd(): Promise<void> {
    const player = this.#player;
    this.round.note(`waiting for the end of ${player.open.length} of ${player.plans.size} tasks`);
    await waitUntil(
      async () => {
        await player.resumeAll();
        return player.open.length === 0;
      },
      { timeoutMs: END_WITHIN_MS, every: 100, what: 'the end of all tasks' },
    ).catch((error: unknown) => {
      this.round.faults.push(
        `${player.open.length} tasks have no end: ${player.open.join(', ')}`,
        String(error),
      );
    });
  }

  async #compare(): Promise<void> {
    const { round, log } = this;
    const player = this.#player;
    const isDead = (worker: string): boolean => this.#deaths.some((death) => death.worker === worker);
    const steps = await readSteps(log, player, [...this.#deaths, ...this.#pauses]);
    const model = new Model(player.plans);
    for (const step of steps) model.play(step);
    round.faults.push(...model.faults, ...doubleEffects(this.#effects, steps, isDead));
    round.expect(model.open.length === 0, `the model has no end of ${model.open.join(', ')}`);
    const { outOfPlace, outOfPlaceAtLast } = model;
    const passing = outOfPlace.filter((places) => places > OUT_OF_PLACE_AT_MOST);
    for (const [at, places] of outOfPlace.entries())
      if (places > OUT_OF_PLACE_AT_MOST)
        round.note(`${places} stood before the start at ${model.startedAt[at]}`);
    for (const { sequence, worker } of this.#deaths) round.note(`${worker} died at ${sequence}`);
    round.expect(passing.length <= PASSING_AT_MOST, `tasks started with ${passing.join()} before them`);
    const exact = outOfPlaceAtLast.filter((places) => places === 0).length / outOfPlaceAtLast.length;
    round.expect(exact >= EXACT_AT_LEAST, `only ${Math.round(exact * 100)} % of the starts were exact`);
    round.count('starts', outOfPlace.length);
    for (const [what, all] of Object.entries({ 'out by': outOfPlace, 'at last out by': outOfPlaceAtLast }))
      for (const places of all) round.count(`${what} ${places}`);
    for (const places of model.besidePosition) round.count(`reorders beside their position by ${places}`);
    for (const code of player.positions.refusals) round.count(`reorders refused: ${code}`);
    round.count('take-overs', model.takeOvers);
    for (const [what, count] of Object.entries({ ...player.counts, ...model.ends })) round.count(what, count);
  }
}
