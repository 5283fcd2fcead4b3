import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@millrace/runtime';
import { TaskWorker, UnrecoverableError, createHandler } from '@millrace/worker';
import { TcpGate } from '../system/tcp-gate.js';
import type { Plan } from './steps.js';

/** What the handler of an attempt has done to the world: begun its work. */
export interface Effect {
  id: string;
  attempt: number;
  /** The fencing token: the sequence of the `started` fact. */
  token: number;
}

/** Seconds; a ticket of a worker that is gone comes back so soon. */
export const LEASE_SECONDS = 1;

/** A worker with one slot and no prefetch, behind a gate of its own: the order of its starts is the order of its queue. */
export class OneSlotWorker {
  private constructor(
    private readonly worker: TaskWorker,
    private readonly gate: TcpGate,
  ) {}

  /** @param effects where its handler notes what it does */
  static async start(
    natsUrl: string,
    queue: string,
    plans: ReadonlyMap<string, Plan>,
    effects: Effect[],
  ): Promise<OneSlotWorker> {
    const handler = createHandler({ name: 'planned', queue }, async (context) => {
      const { taskId: id, attempt, fencingToken: token, failures, signal } = context;
      effects.push({ id, attempt, token });
      const plan = plans.get(id);
      if (!plan) throw new UnrecoverableError(`Nobody planned ${id}.`);
      await sleep(plan.ms, undefined, { signal });
      if (failures < plan.fails)
        throw plan.isFatal ? new UnrecoverableError('as planned') : new Error('as planned');
      return attempt;
    });
    const gate = await TcpGate.before(natsUrl);
    const worker = new TaskWorker(new Map([[handler.name, handler]]), {
      natsUrl: gate.url,
      logger: createLogger({ app: 'worker', level: 'silent', format: 'json' }),
      concurrency: 1,
      prefetch: 0,
      queues: [queue],
      leaseSeconds: LEASE_SECONDS,
      drainSeconds: 1,
      quietMs: 0,
    });
    await worker.start();
    return new OneSlotWorker(worker, gate);
  }

  get id(): string {
    return this.worker.id;
  }

  get isBusy(): boolean {
    return this.worker.running > 0;
  }

  /** As a crash looks to all others: from one moment to the next nothing of it is heard, whatever it was about to say. */
  die(): void {
    this.gate.cut();
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    await this.gate.close();
  }
}
