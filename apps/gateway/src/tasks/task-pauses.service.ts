import { Injectable } from '@nestjs/common';
import type { Command, ExistingTask, Fact, RunningTask } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { Origin } from '../auth/caller.decorator.js';
import { DEADLINE_MS } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { TaskChanges, done } from './task-changes.service.js';
import type { Changed, Check } from './task-changes.service.js';
import type { CommandDone, PauseTask } from './task-commands.schema.js';
import { TaskEnds } from './task-ends.service.js';

/** A worker records within this time of the end of the grace, or the task is taken from it. */
const RECORDED_WITHIN_MS = 2_000;

/**
 * Puts tasks aside. A run that goes on is asked to end, which its worker answers by facts: so it can save a checkpoint first. The ask stays
 * in the log, but nobody is told that a task is paused before the fact that says so is there.
 */
@Injectable()
export class TaskPauses {
  constructor(
    private readonly log: TaskLog,
    private readonly changes: TaskChanges,
    private readonly ends: TaskEnds,
  ) {}

  /**
   * Resolves once the task is paused: within the grace and a little more, whatever its worker does.
   *
   * @throws TaskRefusal when it has ended, before or meanwhile
   */
  async pause(taskId: string, body: PauseTask, by: Origin, check?: Check): Promise<CommandDone> {
    const first = await this.changes.current(taskId);
    if (first.phase === 'paused') return done('Task was already paused', { before: first });
    check?.(first);
    const wish = { graceMs: body.grace_seconds * 1000, reason: body.reason ?? `asked by ${by.actor}` };
    return this.#pause(first, wish, by);
  }

  async #pause(first: ExistingTask, wish: Wish, by: Origin): Promise<CommandDone> {
    const command: Command = { type: 'pause', reason: wish.reason };
    const graceOverAt = performance.now() + wish.graceMs;
    let asked = 0;
    for (let state = first; ; state = await this.changes.current(first.id)) {
      if (state.phase !== 'running') {
        const change = await this.#unlessItRuns(state, command, by);
        if (change) return done('Task paused successfully', change);
        continue;
      }
      const leftMs = graceOverAt - performance.now();
      if (leftMs <= -RECORDED_WITHIN_MS) {
        const change = await this.changes.change(state.id, command, by);
        return done('Task paused by force: its run did not end in its grace', change);
      }
      // Each attempt is asked once; one that took over meanwhile has what is left of the grace.
      if (asked !== state.run.token) await this.#ask(state, { ...wish, graceMs: Math.max(0, leftMs) }, by);
      asked = state.run.token;
      await this.#untilItEnds(state, leftMs + RECORDED_WITHIN_MS);
    }
  }

  /** Undefined when the task has begun to run meanwhile: then it has its grace. */
  async #unlessItRuns(state: ExistingTask, command: Command, by: Origin): Promise<Changed | undefined> {
    try {
      return await this.changes.change(state.id, command, by, refuseRunning);
    } catch (error) {
      if (error instanceof RunsByNow) return undefined;
      throw error;
    }
  }

  async #ask({ queue, id }: RunningTask, { graceMs, reason }: Wish, by: Origin): Promise<void> {
    const ask = { at: new Date().toISOString(), actor: by.actor, reason, grace_seconds: graceMs / 1000 };
    await this.log.ask({ queue, task_id: id }, 'pause', ask, { deadlineMs: DEADLINE_MS });
  }

  async #untilItEnds(state: RunningTask, timeoutMs: number): Promise<void> {
    await this.ends.until(state, timeoutMs, { isOver: (last) => !isOfRun(last, state.run.token) });
    if (this.ends.isStopping)
      throw new ProblemError(
        'gateway/stopping',
        'The gateway is stopping. The run was asked to end; ask again to learn whether the task is paused.',
        { retryAfterSeconds: 1 },
      );
  }
}

interface Wish {
  graceMs: number;
  reason: string;
}

class RunsByNow extends Error {}

function refuseRunning({ phase }: ExistingTask): void {
  if (phase === 'running') throw new RunsByNow();
}

/** Whether the attempt with the token goes on after this fact. */
function isOfRun(last: Fact, token: number): boolean {
  if (last.kind === 'started') return last.sequence === token;
  return last.kind !== 'yielded' && 'run' in last.data && last.data.run.token === token;
}
