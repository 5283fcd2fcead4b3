import { REORDER, readNote, reorderOutcomeSchema, streams, subjects } from '@millrace/log';
import type { Follower, ReorderOutcome, TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';
import { lastTaskSequence } from '../audit/read-facts.js';
import type { Step } from './steps.js';

/** The next leader has it within a few seconds; the machine may be busy. */
const DONE_WITHIN_MS = 30_000;

/** Has tasks moved to positions by the scheduler, as the gateway asks for it; one at a time. */
export class Positions {
  /** What the model is to know of it. */
  readonly steps: Step[] = [];
  readonly refusals: string[] = [];
  isBusy = false;
  readonly #outcomes = new Map<number, ReorderOutcome>();
  #follower: Follower | undefined;

  constructor(
    private readonly log: TaskLog,
    private readonly queue: string,
    private readonly actor: string,
  ) {}

  start(): this {
    this.#follower = this.log.follow({
      stream: streams.ops.name,
      from: 1,
      filters: [subjects.op('queue', REORDER.outcome)],
      onMessages: (messages) => {
        for (const message of messages) {
          const outcome = readNote(reorderOutcomeSchema, message);
          if (outcome) this.#outcomes.set(outcome.request, outcome);
        }
      },
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#follower?.stop();
  }

  /** Resolves when it was done or refused. */
  async move(id: string, position: number): Promise<void> {
    this.isBusy = true;
    const { queue, actor, log } = this;
    const now = Date.now();
    const [at, deadline] = [now, now + DONE_WITHIN_MS].map((ms) => new Date(ms).toISOString());
    const asked = await lastTaskSequence(log);
    const note = { queue, task_id: id, position, actor, at, deadline };
    const request = await log.note('queue', REORDER.request, note);
    const { refused } = await waitUntil(() => this.#outcomes.get(request), {
      timeoutMs: DONE_WITHIN_MS,
      every: 2,
      what: `the outcome of reorder ${request}`,
    });
    if (refused) this.refusals.push(refused.code);
    const done = await lastTaskSequence(log);
    this.steps.push(
      { sequence: asked + 0.25, id, by: 'reorder', position },
      { sequence: done + 0.25, by: 'reordered' },
    );
    this.isBusy = false;
  }
}
