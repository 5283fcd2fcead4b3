import type { Fact } from '@millrace/domain';
import type { JetStreamManager } from '@nats-io/jetstream';
import { answered } from './answered.js';
import type { AppendOptions, Appender } from './appender.js';
import { encodeFact } from './codec.js';
import type { Reader } from './reader.js';
import { parseKept, streams, subjects } from './topology.js';

/**
 * Facts that the log has let go of, or is about to, and that a task leans on all the same: its checkpoint and its steps. They are read by
 * the sequence that they had, see {@link Reader.recordAt}, so that whoever names them need not know where they are.
 */
export class KeptFacts {
  constructor(
    private readonly manager: JetStreamManager,
    private readonly appender: Appender,
    private readonly read: Reader,
  ) {}

  /** Keeps a fact for a task. Doing it again makes it younger, and is seen by {@link dropOlder}. */
  async keep(fact: Fact, owner: string, options: AppendOptions = {}): Promise<void> {
    const write = { subject: subjects.kept(fact, owner), payload: encodeFact(fact, fact), headers: '' };
    await this.appender.append(write, 0, options);
  }

  /** What is kept, by the id of the task that it is kept for. */
  async byOwner(): Promise<Map<string, string[]>> {
    const filter = { subjects_filter: 'kept.>' };
    const { state } = await answered(() => this.manager.streams.info(streams.kept.name, filter));
    const owners = new Map<string, string[]>();
    for (const subject of Object.keys(state.subjects ?? {})) {
      const owner = parseKept(subject)?.owner;
      if (owner === undefined) continue;
      const own = owners.get(owner);
      if (own) own.push(subject);
      else owners.set(owner, [subject]);
    }
    return owners;
  }

  /** Drops what is kept there, unless it was kept anew since. False when it is too young, or gone. */
  async dropOlder(subject: string, thanMs: number): Promise<boolean> {
    const message = await this.read.lastOn(subject, streams.kept.name);
    if (!message || message.storedAtMs > thanMs) return false;
    const { sequence } = message;
    return answered(() => this.manager.streams.deleteMessage(streams.kept.name, sequence, false)).catch(
      // Kept anew, or dropped by another janitor.
      async (error: unknown) => {
        if (await this.read.messageAt(sequence, streams.kept.name)) throw error;
        return false;
      },
    );
  }
}
