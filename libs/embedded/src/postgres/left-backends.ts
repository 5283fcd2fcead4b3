import { readFile, readdir, readlink } from 'node:fs/promises';

/**
 * Ends what a killed postmaster left behind. An idle backend notices by itself and ends; a busy one computes on, and
 * no new postmaster starts beside it. Only for a folder we have claimed, whose postmaster is known to be dead.
 * Elsewhere than on Linux one can only wait for them.
 */
export async function endLeftBackends(clusterDir: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  await Promise.all(
    pids.map(async (pid) => {
      // Both fail for a process that is gone or not ours to look into.
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      // Postgres' processes, and nobody else's, work inside the cluster's folder under such a name.
      if (folder === clusterDir && command.startsWith('postgres: ')) killQuietly(Number(pid));
    }),
  );
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
