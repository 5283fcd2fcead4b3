import type { AppSlot } from './app-slot.js';
import type { Deaths } from './deaths.js';

const READY_WITHIN_MS = 60_000;

/** A worker process of the system under test. */
export class WorkerProcess {
  private constructor(
    readonly slot: AppSlot,
    /** As the log names it: new at each start. */
    readonly id: string,
    readonly pid: number,
    private readonly deaths: Deaths,
  ) {}

  /** Starts the process and waits until it pulls. */
  static async start(slot: AppSlot, deaths: Deaths): Promise<WorkerProcess> {
    const app = slot.start();
    const line = await app.line('Worker started', READY_WITHIN_MS);
    const { worker } = JSON.parse(line) as { worker: string };
    return new WorkerProcess(slot, worker, app.pid, deaths);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.deaths.died(this.pid);
    await this.slot.kill();
  }

  /** Stops it from doing anything, as an overloaded machine would; nobody hears of it any more. */
  freeze(): void {
    this.deaths.died(this.pid);
    this.slot.app.signal('SIGSTOP');
  }

  /** Lets a frozen one go on. */
  thaw(): void {
    this.slot.app.signal('SIGCONT');
  }

  /** Drains it. */
  stop(): Promise<void> {
    return this.slot.stop();
  }
}
