import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataDirInUseError, PortTakenError } from '../server/errors.js';
import { identify } from '../server/process-identity.js';
import { fetchedNatsServer } from '../testing/fetched-nats-server.js';
import { startNats, type RunningNats } from './start-nats.js';

let binary: string;
beforeAll(async () => {
  binary = await fetchedNatsServer();
}, 120_000);

const folders: string[] = [];
const running = new Set<RunningNats>();
afterAll(async () => {
  await Promise.all([...running].map((nats) => nats.stop()));
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-nats-'));
  folders.push(dir);
  return dir;
}

async function start(dataDir: string, port = 0): Promise<RunningNats> {
  const nats = await startNats({ binary, dataDir, port });
  running.add(nats);
  return nats;
}

describe('an embedded nats-server', () => {
  it('keeps its login over restarts, in files for its owner alone', async () => {
    const dataDir = await freshDir();
    const first = await start(dataDir);
    await first.stop();
    const second = await start(dataDir);
    expect(second.password).toBe(first.password);
    for (const file of ['credentials.json', 'nats-server.conf']) {
      expect((await stat(join(dataDir, file))).mode & 0o777).toBe(0o600);
    }
  });

  it('listens on loopback and flushes its store every 100 ms', async () => {
    const dataDir = await freshDir();
    await start(dataDir);
    const config = await readFile(join(dataDir, 'nats-server.conf'), 'utf8');
    expect(config).toContain('host: "127.0.0.1"');
    expect(config).toContain('sync_interval: "100ms"');
  });

  it('starts again at the same port after each of many kills', async () => {
    const dataDir = await freshDir();
    let nats = await start(dataDir);
    const { port } = nats;
    for (let round = 0; round < 10; round += 1) {
      process.kill(nats.pid, 'SIGKILL');
      await nats.exited;
      nats = await start(dataDir, port);
      expect(nats.port).toBe(port);
    }
  });

  it('says in one sentence that its port is taken', async () => {
    const { port } = await start(await freshDir());
    const refused = startNats({ binary, dataDir: await freshDir(), port });
    await expect(refused).rejects.toThrow(PortTakenError);
    await expect(refused).rejects.toThrow(
      `Port ${String(port)} is already in use: set MILLRACE_NATS_PORT to a free port, or stop what listens there.`,
    );
  });

  it('refuses a data folder that is in use', async () => {
    const dataDir = await freshDir();
    await start(dataDir);
    await expect(startNats({ binary, dataDir })).rejects.toThrow(DataDirInUseError);
  });

  it('is stopped when the process that started it is killed, and its data folder is free again', async () => {
    const dataDir = await freshDir();
    const parent = await startInOwnProcess(dataDir);
    parent.process.kill('SIGKILL');
    await once(parent.process, 'exit');
    const next = await start(dataDir, parent.port);
    expect(next.pid).not.toBe(parent.serverPid);
    expect(await identify(parent.serverPid)).toBeUndefined();
  });
});

async function startInOwnProcess(dataDir: string) {
  const script = `
    const { startNats } = await import(${JSON.stringify(import.meta.resolve('../index.js'))});
    const nats = await startNats(${JSON.stringify({ binary, dataDir })});
    console.log(JSON.stringify({ port: nats.port, serverPid: nats.pid }));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return { process: child, ...(JSON.parse(line) as { port: number; serverPid: number }) };
}
