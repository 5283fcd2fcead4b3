import { signalWait } from '@millrace/domain';
import type { TaskLog, TaskRef } from '@millrace/log';
import type { SweptTask } from '@millrace/read-model';
import { ACTOR, DEADLINE_MS } from '../scheduler.constants.js';
import type { Repair } from './repairs.js';

/** Ends waits for a signal that is there already: whoever was to end them has died between the signal and its look at the other. */
export class SignalRepair {
  constructor(
    private readonly log: TaskLog,
    /** A signal that is younger is in the hands of its sender still. */
    private readonly overdueAfterMs: number,
  ) {}

  /**
   * The log is asked for the signals first: mostly there are none, and that is all.
   *
   * @param row its token is the `started` of the attempt that waits: what came before, it has looked for itself. A wait that was carried
   * has none, and has taken no signal either
   */
  async repair(task: TaskRef, { token, waiting_for }: SweptTask): Promise<Repair | undefined> {
    const since = token ?? 0;
    const before = Date.now() - this.overdueAfterMs;
    const signals = await this.log.read.signals(task, since);
    const signal = signals.find(
      ({ name, at }) => signalWait(name) === waiting_for && Date.parse(at) <= before,
    );
    if (!signal) return undefined;
    const last = await this.log.read.lastFact(task);
    if (!last || Date.parse(last.at) > before) return undefined;
    const options = { actor: ACTOR, deadlineMs: DEADLINE_MS };
    const released = await this.log.releaseIfSignalled(last, since, options);
    if (!released) return undefined;
    const because = `it waited for ${waiting_for}, which is there since ${signal.at} (${signal.sequence})`;
    return { what: 'signal', because, sequence: released.sequence };
  }
}
