import { decide } from '@millrace/domain';
import type { Command, ExistingTask, Fact, TaskState } from '@millrace/domain';
import { ConcurrencyError } from './errors.js';
import type { Reader } from './reader.js';
import type { TaskRef } from './topology.js';
import type { WriteOptions, Writer } from './writer.js';

export interface ChangeOptions extends WriteOptions {
  /** Looks at the state on which the command is decided, again after each lost race; what it throws refuses the command. */
  check?: (before: ExistingTask) => void;
}

/** A command that loses so many races in a row gives up. */
const RACES = 5;

/** Changes tasks by commands: read → decide → append, and again when somebody else was faster. */
export class Changes {
  constructor(
    private readonly read: Reader,
    private readonly writer: Writer,
  ) {}

  /** See {@link TaskLog.change}. */
  async change(
    ref: TaskRef | { task_id: string },
    command: Command,
    { check, ...options }: ChangeOptions,
  ): Promise<{ before: TaskState; fact?: Fact }> {
    for (let race = 1; ; race++) {
      const before = await this.read.current(ref);
      if (before.phase !== 'none') check?.(before);
      const event = decide(command, before, { now: options.now ?? Date.now(), random: Math.random() });
      if (!event || before.phase === 'none') return { before };
      try {
        const wait = before.phase === 'scheduled' ? { endsWait: before.sequence } : {};
        const task = { queue: before.queue, task_id: before.id };
        const fact = await this.writer.append(task, before.sequence, event, { ...options, ...wait });
        return { before, fact };
      } catch (error) {
        if (!(error instanceof ConcurrencyError) || race === RACES) throw error;
      }
    }
  }
}
