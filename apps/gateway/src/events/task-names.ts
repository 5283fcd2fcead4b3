import { Injectable } from '@nestjs/common';
import type { Fact } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import type { TaskRef } from '@millrace/log';
import { Archive } from '../archive/archive.js';

/** At about 200 bytes each. */
const KNOWN_AT_MOST = 50_000;

/** The names of tasks, for whoever filters by them: most facts do not carry one. */
@Injectable()
export class TaskNames {
  readonly #known = new Map<string, string>();

  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /**
   * The names of the tasks that these are or are about, by id. What carries its name tells it for later.
   *
   * @throws LogUnavailableError
   */
  async of(tasks: Iterable<TaskRef | Fact>): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    const unknown = new Map<string, TaskRef>();
    for (const task of tasks) {
      const name = nameIn(task) ?? this.#known.get(task.task_id);
      if (name === undefined) unknown.set(task.task_id, task);
      else this.#know(names, task.task_id, name);
    }
    for (const taskId of names.keys()) unknown.delete(taskId);
    await Promise.all([...unknown.values()].map((task) => this.#find(task, names)));
    return names;
  }

  async #find({ queue, task_id }: TaskRef, names: Map<string, string>): Promise<void> {
    const state = await this.log.read.task({ queue, task_id });
    const name = state.phase === 'none' ? (await this.archive.findIfThere(task_id))?.name : state.spec.name;
    if (name !== undefined) this.#know(names, task_id, name);
  }

  #know(names: Map<string, string>, taskId: string, name: string): void {
    names.set(taskId, name);
    // Whoever is named again is the newest again: the first ones of the map are the ones that go.
    this.#known.delete(taskId);
    this.#known.set(taskId, name);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= KNOWN_AT_MOST) break;
      this.#known.delete(oldest);
    }
  }
}

const nameIn = (task: TaskRef | Fact): string | undefined =>
  'data' in task && 'task' in task.data ? task.data.task.name : undefined;
