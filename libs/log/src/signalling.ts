import { signalWait } from '@millrace/domain';
import type { Fact, Json } from '@millrace/domain';
import type { Changes } from './changes.js';
import { ConcurrencyError, LogUnavailableError } from './errors.js';
import type { Reader } from './reader.js';
import { streams, subjects } from './topology.js';
import type { TaskRef } from './topology.js';
import type { WriteOptions, Writer } from './writer.js';

/** Sends signals, and ends the waits for them: the one that is there when a signal comes, and the one that was written meanwhile. */
export class Signalling {
  constructor(
    private readonly read: Reader,
    private readonly writer: Writer,
    private readonly changes: Changes,
  ) {}

  /** See {@link TaskLog.signal}. */
  async send(ref: TaskRef, signal: { name: string; payload: Json }, options: WriteOptions): Promise<number> {
    const body = { ...signal, at: new Date(options.now ?? Date.now()).toISOString(), actor: options.actor };
    const subject = subjects.ask(ref, 'signal');
    const sequence = await this.writer.note(streams.tasks.name, subject, body, options);
    // A run looks for signals once more after it has written its wait: one of the two sees the other.
    await this.changes
      .change(ref, { type: 'release', waiting_for: signalWait(signal.name) }, options)
      .catch(ifUndecided);
    return sequence;
  }

  /** See {@link TaskLog.releaseIfSignalled}. */
  async releaseIfSignalled(
    wait: Fact,
    since: number,
    options: WriteOptions = { actor: wait.actor },
  ): Promise<Fact | undefined> {
    const waiting_for = 'waiting_for' in wait.data ? wait.data.waiting_for : undefined;
    if (waiting_for === undefined) return undefined;
    const signals = await this.read.signals(wait, since);
    if (!signals.some(({ name }) => signalWait(name) === waiting_for)) return undefined;
    return (await this.changes.change(wait, { type: 'release', waiting_for }, options)).fact;
  }
}

/** Who is told that a stored signal was refused sends it a second time. */
function ifUndecided(error: unknown): void {
  if (!(error instanceof ConcurrencyError || error instanceof LogUnavailableError)) throw error;
}
