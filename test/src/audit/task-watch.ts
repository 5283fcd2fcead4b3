import { TERMINAL_KINDS } from '@millrace/domain';
import { parseSubject, streams, subjects } from '@millrace/log';
import type { Follower, TaskLog } from '@millrace/log';
import { waitUntil } from '@millrace/testing';

const ended: ReadonlySet<string> = new Set(TERMINAL_KINDS);

/** Follows the log from its beginning and knows of every task whether it has ended. */
export class TaskWatch {
  readonly #seen = new Set<string>();
  readonly #open = new Set<string>();
  readonly #followers: Follower[] = [];
  /** What the sweeper has put right. */
  repairs = 0;

  static start(log: TaskLog): TaskWatch {
    const watch = new TaskWatch();
    watch.#followers.push(
      log.follow({
        stream: streams.tasks.name,
        from: 1,
        filters: [subjects.allTasks],
        onMessages: (messages) => {
          for (const { subject } of messages) watch.#note(subject);
        },
      }),
      log.follow({
        stream: streams.ops.name,
        from: 1,
        filters: [subjects.op('task', 'repaired')],
        onMessages: (messages) => {
          watch.repairs += messages.length;
        },
      }),
    );
    return watch;
  }

  /** Tasks in the log that have not ended. */
  get open(): number {
    return this.#open.size;
  }

  /** Resolves once all of these, and whatever else the log holds, have ended. */
  async allEnded(taskIds: Iterable<string>, timeoutMs: number): Promise<void> {
    const wanted = [...taskIds];
    const missing = (): string[] => wanted.filter((id) => !this.#seen.has(id) || this.#open.has(id));
    await waitUntil(() => this.#open.size === 0 && missing().length === 0, {
      timeoutMs,
      every: 50,
      what: 'the end of all tasks',
    }).catch((error: unknown) => {
      const left = [...new Set([...this.#open, ...missing()])];
      throw new Error(`${left.length} tasks have no end: ${left.slice(0, 10).join(', ')}`, { cause: error });
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }

  #note(subject: string): void {
    const parsed = parseSubject(subject);
    if (parsed.type !== 'fact') return;
    this.#seen.add(parsed.task_id);
    if (ended.has(parsed.kind)) this.#open.delete(parsed.task_id);
    else this.#open.add(parsed.task_id);
  }
}
