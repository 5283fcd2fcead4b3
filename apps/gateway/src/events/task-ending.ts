import { TERMINAL_KINDS, hasEnded, statusOf } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import type { TaskRef } from '@millrace/log';
import type { TaskReader } from '../tasks/task-reader.service.js';
import type { EventClient } from './event-client.js';
import { endFrame } from './frames.js';

const terminalKinds: ReadonlySet<string> = new Set(TERMINAL_KINDS);

/** Ends the stream of a task once the task has ended and the stream has told so. */
export class TaskEnding {
  #sent = 0;
  #isCaughtUp = false;

  constructor(
    private readonly reader: TaskReader,
    private readonly client: EventClient,
    private readonly task: TaskRef,
  ) {}

  /** @throws LogUnavailableError */
  async sent({ kind, sequence }: Fact): Promise<void> {
    this.#sent = Math.max(this.#sent, sequence);
    if (this.#isCaughtUp && terminalKinds.has(kind)) await this.#endIfEnded();
  }

  /**
   * @param sequence what was missed has been sent up to here
   * @throws LogUnavailableError
   */
  async caughtUp(sequence: number): Promise<void> {
    this.#sent = Math.max(this.#sent, sequence);
    this.#isCaughtUp = true;
    await this.#endIfEnded();
  }

  async #endIfEnded(): Promise<void> {
    const { task_id } = this.task;
    const state = await this.reader.inLog(task_id);
    if (state.phase === 'none') {
      const { status } = await this.reader.archived(task_id);
      this.client.end(endFrame({ task_id, status }));
      return;
    }
    // The end itself may be on its way to the stream; it may also have been redriven since.
    if (hasEnded(state) && state.sequence <= this.#sent)
      this.client.end(endFrame({ task_id, status: statusOf(state) }));
  }
}
