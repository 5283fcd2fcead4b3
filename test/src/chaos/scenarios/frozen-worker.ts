import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { TaskWatch } from '../../audit/task-watch.js';
import type { AppendLine } from '../../system/chaos-handlers.js';
import type { JournalLine, JournalWord } from '../../system/journal.js';
import { withSystem } from '../../system/system.js';
import type { System } from '../../system/system.js';
import { TcpGate } from '../../system/tcp-gate.js';
import type { WorkerProcess } from '../../system/worker-process.js';
import { Load } from '../load.js';
import { conclude } from '../scenario.js';
import type { Round, Scenario } from '../scenario.js';

const LEASE_SECONDS = 2;
/** Lease, two questions with a pause between them, and room for a machine that is busy. */
const TAKEOVER_WITHIN_MS = (LEASE_SECONDS + 5) * 1000;
/** One free slot: a worker that runs the task has no open pull, into which a ticket could go while it is frozen. */
const WORKER = { leaseSeconds: LEASE_SECONDS, quietSeconds: 1, concurrency: 1 };
const SOON_MS = 30_000;
/** Longer than anybody here waits. */
const FOR_EVER_MS = 120_000;

/** How a worker gets lost past its lease, when it comes back, and what its handler does. */
interface Plot {
  name: string;
  lost: 'frozen' | 'cut off' | 'stopped up';
  back: 'beside its successor' | 'after its successor';
  params: AppendLine;
}

const PLOTS: readonly Plot[] = [
  // Its handler says nothing and goes on: nobody tells it that its time is over.
  {
    name: 'silent',
    lost: 'frozen',
    back: 'beside its successor',
    params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 500] },
  },
  // Its handler has long slept enough, and returns a result at once.
  {
    name: 'late-result',
    lost: 'frozen',
    back: 'beside its successor',
    params: { ms: [2_000, FOR_EVER_MS, 500] },
  },
  {
    name: 'reporting',
    lost: 'frozen',
    back: 'after its successor',
    params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 3_000], report: true },
  },
];

/** Its handler never rested: only the network was gone. */
const OVER_THE_NETWORK: readonly Plot[] = [
  {
    name: 'cut-off',
    lost: 'cut off',
    back: 'beside its successor',
    params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 500] },
  },
  {
    name: 'stopped-up',
    lost: 'stopped up',
    back: 'beside its successor',
    params: { ms: [FOR_EVER_MS, FOR_EVER_MS, 500], report: true },
  },
];

/** A worker lost past its lease, its successor killed, and the lost one back as a zombie. */
export const frozenWorker: Scenario = {
  name: 'frozen-worker',
  claim: 'a zombie disturbs neither its successor nor the one after that',
  run: async (round: Round) => {
    const rounds = round.choose({ short: 1, long: 4 });
    await withSystem({ workers: 0 }, async (system) => {
      const watch = TaskWatch.start(system.log);
      const load = new Load(system.api, round.dice.fork(), `c${round.seed}`);
      for (let at = 0; at < rounds; at++)
        await Promise.all(
          [...PLOTS, round.dice.pick(OVER_THE_NETWORK)].map((plot) =>
            new Story(system, load, round, plot, `${plot.name}-${at}`).tell(),
          ),
        );
      await conclude(round, system, watch, load);
    });
  },
};

class Story {
  #taskId = '';
  readonly #workers = new Map<number, { worker: WorkerProcess; gate: TcpGate }>();

  constructor(
    private readonly system: System,
    private readonly load: Load,
    private readonly round: Round,
    private readonly plot: Plot,
    /** Each story has its workers to itself. */
    private readonly queue: string,
  ) {}

  async tell(): Promise<void> {
    await Promise.all([1, 2, 3].map(() => this.#startWorker()));
    try {
      await this.#tell();
    } finally {
      for (const { worker, gate } of this.#workers.values()) {
        await worker.slot.kill();
        await gate.close();
      }
    }
  }

  async #tell(): Promise<void> {
    const { round, queue, plot } = this;
    ({ taskId: this.#taskId } = await this.load.submit({ params: plot.params, queue }));
    // Nobody takes anything over in the quiet time after a connect.
    await sleep(WORKER.quietSeconds * 1000);
    const { pid } = await this.#wrote(1, 'start');
    this.#lose(pid);
    const successor = await this.#wrote(2, 'start');
    if (plot.back === 'beside its successor') this.#bringBack(pid);
    if (plot.name === 'late-result') await this.#lateResult(pid);
    await sleep(round.dice.between(0, LEASE_SECONDS * 1000));
    await this.#workers.get(successor.pid)!.worker.kill();
    const killedAt = Date.now();
    const { at } = await this.#wrote(3, 'start');
    round.note(`${queue}: attempt 3 began ${at - killedAt} ms after the second death`);
    round.expect(at - killedAt <= TAKEOVER_WITHIN_MS, `${queue}: no other worker for ${at - killedAt} ms`);
    if (plot.back === 'after its successor') this.#bringBack(pid);
    await this.#wrote(3, 'end');
    // Unless it has ended by itself, it was told that it is of no use any more.
    if (plot.name !== 'late-result') await this.#wrote(1, 'told');
    await waitUntil(async () => (await this.system.api.status(this.#taskId)).body.status === 'SUCCESS', {
      timeoutMs: SOON_MS,
      every: 50,
      what: `the end of the task in ${queue}`,
    });
    round.count('zombies');
  }

  async #startWorker(): Promise<void> {
    const gate = await TcpGate.before(this.system.nats.url);
    const worker = await this.system.startWorker({ ...WORKER, queue: this.queue, natsUrl: gate.url });
    this.#workers.set(worker.pid, { worker, gate });
  }

  #lose(pid: number): void {
    const { worker, gate } = this.#workers.get(pid)!;
    if (this.plot.lost === 'frozen') worker.freeze();
    else this.system.deaths.died(pid);
    if (this.plot.lost === 'cut off') gate.cut();
    if (this.plot.lost === 'stopped up') gate.stopUp();
  }

  #bringBack(pid: number): void {
    const { worker, gate } = this.#workers.get(pid)!;
    if (this.plot.lost === 'frozen') worker.thaw();
    else gate.mend();
  }

  /** It wrote its line; the log must have refused it. */
  async #lateResult(pid: number): Promise<void> {
    await this.#wrote(1, 'end');
    await this.#workers.get(pid)!.worker.slot.app.line('Attempt overtaken', SOON_MS);
    const { phase } = await this.system.log.read.task({ queue: this.queue, task_id: this.#taskId });
    this.round.expect(
      phase === 'running',
      `${this.queue}: the late result of a zombie made the task ${phase}`,
    );
  }

  #wrote(attempt: number, word: JournalWord): Promise<JournalLine> {
    return waitUntil(
      () =>
        this.system.journal.of(this.#taskId).find((line) => line.attempt === attempt && line.word === word),
      { timeoutMs: SOON_MS, every: 20, what: `the ${word} of attempt ${attempt} in ${this.queue}` },
    );
  }
}
