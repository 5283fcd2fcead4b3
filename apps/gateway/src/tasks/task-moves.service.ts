import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { SLOT, decide } from '@millrace/domain';
import type { Command, ExistingTask } from '@millrace/domain';
import { Archive } from '../archive/archive.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Reorders } from './reorders.service.js';
import { TaskChanges, done } from './task-changes.service.js';
import type { CommandDone } from './task-commands.schema.js';
import type { MovedTask, PrioritisedTask, ReorderTask, RescheduleTask } from './task-moves.schema.js';
import { invalid } from './task-order.js';

/** An answer waits so long for the read model, only to tell the position. */
const POSITION_WITHIN_MS = 500;
const LOOK_EVERY_MS = 10;

/** What is done to the order and the times of waiting tasks. */
@Injectable()
export class TaskMoves {
  constructor(
    private readonly changes: TaskChanges,
    private readonly archive: Archive,
    private readonly reorders: Reorders,
  ) {}

  async prioritise(taskId: string, priority: number, by: Origin): Promise<PrioritisedTask> {
    const { before, fact } = await this.changes.change(taskId, { type: 'change-priority', priority }, by);
    const sequence = fact?.sequence ?? before.sequence;
    const position = await this.#positionAt(taskId, sequence);
    const message = fact ? `Task has priority ${priority}` : `Task had priority ${priority} already`;
    return { success: true, message, task_id: taskId, priority, position, sequence };
  }

  /** What cannot be moved is told without the scheduler. */
  async reorder(taskId: string, { position }: ReorderTask, by: Origin): Promise<MovedTask> {
    const state = await this.changes.current(taskId);
    if (!waitsForSlot(state)) decide(TO_FRONT, state, { now: Date.now(), random: 0 });
    const { new_position, priority } = await this.reorders.reorder(state, position, by);
    const where = new_position === null ? 'behind more than 1,000 others' : `at position ${new_position}`;
    return { success: true, message: `Task is ${where}`, task_id: taskId, new_position, priority };
  }

  async reschedule(taskId: string, body: RescheduleTask, by: Origin): Promise<CommandDone> {
    const now = Date.now();
    const at = body.eta === undefined ? now + (body.delay_seconds ?? 0) * 1000 : Date.parse(body.eta);
    if (at <= now) return this.runNow(taskId, by);
    const until = new Date(at).toISOString();
    const change = await this.changes.change(taskId, { type: 'reschedule', until }, by, (state) =>
      refuseAfterExpiry(state, until, body),
    );
    return done(`Task waits until ${until}`, change);
  }

  async runNow(taskId: string, by: Origin): Promise<CommandDone> {
    const change = await this.changes.change(taskId, { type: 'run-now' }, by);
    return done(change.fact ? 'Task is queued to run now' : 'Task was waiting for its turn already', change);
  }

  /** Null where the read model does not tell it in time. */
  async #positionAt(taskId: string, sequence: number): Promise<number | null> {
    const deadline = performance.now() + POSITION_WITHIN_MS;
    try {
      while ((await this.archive.tasks.projection()).sequence < sequence) {
        if (performance.now() > deadline) return null;
        await sleep(LOOK_EVERY_MS);
      }
      return (await this.archive.tasks.position(taskId)) ?? null;
    } catch {
      return null;
    }
  }
}

const TO_FRONT: Command = { type: 'move-to-front' };

const waitsForSlot = (state: ExistingTask): boolean => state.phase === 'held' && state.waiting_for === SLOT;

/** A task that never started would end at its time instead of starting. */
function refuseAfterExpiry({ attempts, spec }: ExistingTask, until: string, body: RescheduleTask): void {
  const { expires_at } = spec;
  if (attempts.begun > 0 || expires_at === undefined || Date.parse(until) < Date.parse(expires_at)) return;
  throw invalid(
    body.eta === undefined ? 'delay_seconds' : 'eta',
    `The task expires at ${expires_at}, so that it could not start at ${until}: name an earlier time.`,
  );
}
