import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '@millrace/domain';

/** The folders that tasks have made for temporary files: `<root>/<task id>`. */
export class TempFiles {
  constructor(private readonly root: string) {}

  /** Ids of tasks that have a folder, in the order of the file system; what has no such name is none of ours. */
  async tasks(): Promise<string[]> {
    const entries = await readdir(this.root, { withFileTypes: true }).catch(withoutFolder);
    return entries.filter((entry) => entry.isDirectory() && isId(entry.name)).map(({ name }) => name);
  }

  /** How many files the task has there. */
  async count(taskId: string): Promise<number> {
    const path = join(this.root, taskId);
    const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(withoutFolder);
    return entries.filter((entry) => !entry.isDirectory()).length;
  }

  /** Removes the folder of a task with all that is in it. Resolves with the number of files. */
  async remove(taskId: string): Promise<number> {
    const files = await this.count(taskId);
    await rm(join(this.root, taskId), { recursive: true, force: true });
    return files;
  }
}

/** Nothing is there: no task has made a folder, or another run has removed it. */
function withoutFolder(error: unknown): never[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}
