import { Injectable } from '@nestjs/common';
import { isRefusal } from '@millrace/domain';
import type { Fact } from '@millrace/domain';
import { diffOf } from './task-diff.js';
import type { ComparedRun } from './task-diff.js';
import type { TaskDiff } from './task-diff.schema.js';
import { TaskReader } from './task-reader.service.js';
import type { TaskView } from './task-view.schema.js';

/** A branch of a branch of a branch: what lies further back is left out. */
const ORIGINS_AT_MOST = 20;

/** Compares two runs by what the log and the archive have of them. */
@Injectable()
export class TaskDiffs {
  constructor(private readonly reader: TaskReader) {}

  async diff(left: string, right: string): Promise<TaskDiff> {
    const [one, other] = await Promise.all([this.#run(left), this.#run(right)]);
    return diffOf(one, other);
  }

  async #run(taskId: string): Promise<ComparedRun> {
    const [task, facts] = await Promise.all([this.reader.task(taskId), this.reader.facts(taskId)]);
    return { task, facts, takenOver: await this.#takenOver(task.branched_from) };
  }

  /** Facts of the origins of a branch, the farthest first. */
  async #takenOver(origin: TaskView['branched_from'], depth = 1): Promise<Fact[]> {
    if (!origin || origin.sequence === 0 || depth > ORIGINS_AT_MOST) return [];
    const facts = await this.reader.facts(origin.task_id).catch(ifUnknown);
    const [first] = facts;
    const before = first && 'task' in first.data ? first.data.task.branched_from : undefined;
    const own = facts.filter(({ sequence }) => sequence <= origin.sequence);
    return [...(await this.#takenOver(before ?? null, depth + 1)), ...own];
  }
}

/** What has left both the log and the archive cannot be compared. */
function ifUnknown(error: unknown): Fact[] {
  if (isRefusal(error, 'task/not-found')) return [];
  throw error;
}
