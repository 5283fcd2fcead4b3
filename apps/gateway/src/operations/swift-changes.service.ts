import { Injectable } from '@nestjs/common';
import { decide } from '@millrace/domain';
import type { Command, ExistingTask, TaskEvent } from '@millrace/domain';
import { ConcurrencyError, TaskLog } from '@millrace/log';
import { stateOf } from '@millrace/read-model';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { LogGate } from '../log/log-gate.js';
import type { Check } from '../tasks/task-changes.service.js';
import type { Target } from './targets.service.js';

/**
 * Changes tasks in one round trip: decides on the row of the read model and appends on the condition that the log is no further. It may
 * only say yes: whatever it does not do is to be decided on the log itself.
 */
@Injectable()
export class SwiftChanges {
  constructor(
    private readonly log: TaskLog,
    private readonly gate: LogGate,
  ) {}

  /** Whether it was done. */
  async change(target: Target, command: Command, by: Origin, check: Check): Promise<boolean> {
    const before = stateOf({ ...target.row, result: undefined });
    const event = eventOf(command, before, check);
    if (!event || ('task' in event.data && !target.isWhole)) return false;
    await this.gate.pass();
    const ref = { queue: before.queue, task_id: before.id };
    const wait = before.phase === 'scheduled' ? { endsWait: before.sequence } : {};
    const options = { actor: by.actor, deadlineMs: DEADLINE_MS, ...wait };
    try {
      await this.log.append(ref, before.sequence, event, options);
      return true;
    } catch (error) {
      if (error instanceof ConcurrencyError) return false;
      throw error;
    }
  }
}

/** Undefined when the row does not allow it: the log may. A pause of a run is none of its kind: the run has its grace. */
function eventOf(command: Command, before: ExistingTask, check: Check): TaskEvent | undefined {
  if (command.type === 'pause' && before.phase === 'running') return undefined;
  try {
    check(before);
    return decide(command, before, { now: Date.now(), random: Math.random() });
  } catch {
    return undefined;
  }
}

/** What the single command would say, as far as the row knows. */
export function judgeRow({ row }: Target, command: Command): void {
  decide(command, stateOf({ ...row, result: undefined }), { now: Date.now(), random: 0 });
}
