import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The folders in which tasks keep files from attempt to attempt. A task that asks for none costs nothing. */
export class TempDirs {
  /** Of tasks that have asked here. */
  readonly #made = new Set<string>();

  constructor(private readonly root: string) {}

  /** The folder of a task; made if it is not there. Nobody but this user may look into it. */
  async of(taskId: string): Promise<string> {
    // Before it is there: who removes it must not miss it.
    this.#made.add(taskId);
    const path = join(this.root, taskId);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** The task goes on elsewhere or later, and finds its files there. */
  forget(taskId: string): void {
    this.#made.delete(taskId);
  }

  /** @param mayHaveOne an earlier attempt may have asked for it in another process */
  async remove(taskId: string, mayHaveOne: boolean): Promise<void> {
    if (this.#made.delete(taskId) || mayHaveOne)
      await rm(join(this.root, taskId), { recursive: true, force: true });
  }
}
