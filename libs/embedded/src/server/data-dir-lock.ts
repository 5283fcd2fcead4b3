import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataDirInUseError } from './errors.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

interface LockRecord {
  token: string;
  owner: ProcessIdentity;
  server?: ProcessIdentity;
}

const ORPHAN_GRACE_MS = 15_000;
const ORPHAN_POLL_MS = 20;

/**
 * The claim of this process on a server's data folder, kept in `<dir>/owner.json`. A claim whose owner has died is
 * taken over, and the server it may have left behind is stopped first.
 */
export class DataDirLock {
  private constructor(
    private readonly file: string,
    private record: LockRecord,
  ) {}

  static async take(dir: string, stopSignal: NodeJS.Signals): Promise<DataDirLock> {
    const file = join(dir, 'owner.json');
    const owner = await identify(process.pid);
    if (!owner) throw new Error('This process cannot find itself in the process table.');
    const record: LockRecord = { token: randomUUID(), owner };
    await mkdir(dirname(file), { recursive: true });
    while (!(await createLock(file, record))) {
      const found = await readLock(file);
      if (!found) continue;
      await refuseWhenInUse(dir, found, owner);
      if (found.server && (await isAlive(found.server))) await stopOrphan(found.server, stopSignal);
      await removeStale(file, found);
    }
    return new DataDirLock(file, record);
  }

  /** Notes the server, so that a later start can find it should we die without stopping it. */
  async noteServer(pid: number): Promise<void> {
    const server = await identify(pid);
    if (!server) return;
    this.record = { ...this.record, server };
    const next = `${this.file}.${this.record.token}`;
    await writeFile(next, JSON.stringify(this.record));
    await rename(next, this.file);
  }

  async release(): Promise<void> {
    await removeStale(this.file, this.record);
  }
}

/** Written aside and linked into place: nobody ever reads half a record, and only one can create it. */
async function createLock(file: string, record: LockRecord): Promise<boolean> {
  const draft = `${file}.${record.token}`;
  await writeFile(draft, JSON.stringify(record));
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readLock(file: string): Promise<LockRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as LockRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function refuseWhenInUse(dir: string, found: LockRecord, self: ProcessIdentity): Promise<void> {
  if (!(await isAlive(found.owner))) return;
  const isOurs = found.owner.pid === self.pid;
  // Our own server may have been killed a moment ago, before its exit was noticed here: then the folder is free.
  if (isOurs && found.server && !(await isAlive(found.server))) return;
  throw new DataDirInUseError(dir, found.owner.pid);
}

async function stopOrphan(server: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  signalQuietly(server.pid, signal);
  const patience = Date.now() + ORPHAN_GRACE_MS;
  // It is not our child, so its end can only be looked for.
  while (await isAlive(server)) {
    if (Date.now() > patience) signalQuietly(server.pid, 'SIGKILL');
    await delay(ORPHAN_POLL_MS);
  }
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Removes that record and no other: between reading and removing, someone else may have put theirs in its place. */
async function removeStale(file: string, stale: LockRecord): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readLock(aside);
  if (moved && moved.token !== stale.token) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}
