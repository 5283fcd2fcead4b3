import type { TaskLog } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { DEADLINE_MS } from '../gateway.constants.js';

const IDS_IN_A_NOTE = 1_000;

/** The events of an operation in the audit log: that it began, what it was done to, what it came to. */
export class OperationNotes {
  #ids: string[] = [];
  #part = 0;
  #written: Promise<void> = Promise.resolve();

  constructor(
    private readonly log: TaskLog,
    private readonly logger: Logger,
    private readonly head: { operation_id: string; actor: string; action: string },
  ) {}

  /** @throws LogUnavailableError: nothing is to be done then */
  async begun(wish: object): Promise<void> {
    await this.log.note(
      'tasks',
      'begun',
      { at: new Date().toISOString(), ...this.head, ...wish },
      { deadlineMs: DEADLINE_MS },
    );
  }

  /** Waits now and then until what was done is written, so that never much is kept. */
  did(taskId: string): Promise<void> | undefined {
    this.#ids.push(taskId);
    return this.#ids.length >= IDS_IN_A_NOTE ? this.#flush() : undefined;
  }

  async ended(outcome: object): Promise<void> {
    if (this.#ids.length > 0) await this.#flush();
    await this.#written;
    await this.#note('ended', outcome);
  }

  #flush(): Promise<void> {
    const list = { part: ++this.#part, task_ids: this.#ids };
    this.#ids = [];
    this.#written = this.#written.then(() => this.#note('done', list));
    return this.#written;
  }

  /** The facts of the tasks say who did it, each by itself: a note that fails takes nothing back. */
  async #note(verb: string, body: object): Promise<void> {
    const note = { at: new Date().toISOString(), ...this.head, ...body };
    try {
      await this.log.note('tasks', verb, note, { deadlineMs: DEADLINE_MS });
    } catch (error) {
      this.logger.warn({ err: error, ...this.head, verb }, 'What an operation did could not be noted');
    }
  }
}
