import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Bytes of memory a process has resident, read from outside, as its event loop may be blocked; undefined when it is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    return process.platform === 'linux'
      ? // Not statm: it counts pages, and Node does not tell their size.
        fromStatus(await readFile(`/proc/${String(pid)}/status`, 'utf8'))
      : await residentBytesByPs(pid);
  } catch {
    return undefined;
  }
}

/** The same where there is no /proc. */
export async function residentBytesByPs(pid: number): Promise<number | undefined> {
  const { stdout } = await exec('ps', ['-o', 'rss=', '-p', String(pid)]);
  return inBytes(stdout.trim());
}

const fromStatus = (status: string): number | undefined => inBytes(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);

const inBytes = (kilobytes: string | undefined): number | undefined =>
  kilobytes === undefined || kilobytes === '' ? undefined : Number(kilobytes) * 1024;
