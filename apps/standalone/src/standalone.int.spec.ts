import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { STOP_ORDER, type AppDefinition } from './apps.js';
import type { StandaloneConfig } from './config.js';
import { Output } from './output.js';
import { Standalone, type DefineApps } from './standalone.js';

/** Says its pid, answers for the gateway, notes its end in a file, and stops when asked or left alone. */
const STUB = `
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { NAME, ENDS, PORT } = process.env;
const end = () => { appendFileSync(ENDS, NAME + '\\n'); process.exit(0); };
process.on('SIGTERM', end);
process.on('disconnect', end);
if (PORT) createServer((_, answer) => answer.end('ready')).listen(Number(PORT), '127.0.0.1', () => console.log('up ' + process.pid));
else { console.log('up ' + process.pid); setInterval(() => undefined, 1000); }
`;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup() {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-standalone-'));
  cleanups.push(() => rm(dir, { recursive: true, force: true }));
  const ends = join(dir, 'ends');
  const entry = join(dir, 'stub.mjs');
  await writeFile(entry, STUB);
  await writeFile(ends, '');
  const define: DefineApps = (_connections, gateway) =>
    STOP_ORDER.map((name): AppDefinition => ({
      name,
      entry,
      env: { NAME: name, ENDS: ends, ...(name === 'gateway' ? { PORT: String(gateway.port) } : {}) },
    }));
  const config: StandaloneConfig = {
    dataDir: join(dir, 'data'),
    port: await freePort(),
    adminKey: undefined,
    mayColour: false,
    nats: { kind: 'external', url: 'nats://127.0.0.1:1' },
    postgres: { kind: 'external', url: 'postgres://127.0.0.1:1/x' },
  };
  const lines = new Lines();
  const standalone = new Standalone(config, new Output(lines.stream, false), define);
  cleanups.push(() => standalone.kill());
  return {
    standalone,
    config,
    define,
    lines,
    readEnds: async () => (await readFile(ends, 'utf8')).split('\n'),
  };
}

describe('standalone', () => {
  it('shows the admin key on the first start only', async () => {
    const { standalone, config, define, lines } = await setup();
    await standalone.start();
    expect(lines.text).toMatch(/Admin key {3}mr_[\w-]{32}\n/);
    await standalone.stop();
    const later = new Lines();
    const second = new Standalone(config, new Output(later.stream, false), define);
    cleanups.push(() => second.kill());
    await second.start();
    expect(later.text).toContain('Millrace is ready.');
    expect(later.text).not.toMatch(/mr_/);
  });

  it('stops the worker first, then gateway, scheduler and projector', async () => {
    const { standalone, readEnds, lines } = await setup();
    await standalone.start();
    for (const name of STOP_ORDER) await lines.next(new RegExp(`^${name} +\\| up`));
    await standalone.stop();
    expect(await readEnds()).toEqual(['worker', 'gateway', 'scheduler', 'projector', '']);
  });

  it('starts an app again that died', async () => {
    const { standalone, lines } = await setup();
    await standalone.start();
    const [, pid] = await lines.next(/^worker +\| up (\d+)/);
    process.kill(Number(pid), 'SIGKILL');
    const [, nextPid] = await lines.next(/^worker +\| up (\d+)/);
    expect(nextPid).not.toBe(pid);
    expect(lines.text).toContain('worker was ended by SIGKILL; it is started again in 250 ms.');
  });

  it('says in one sentence that its port is taken, and leaves nothing running', async () => {
    const { standalone, config, lines } = await setup();
    const other = await listen(config.port);
    cleanups.push(() => close(other));
    await expect(standalone.start()).rejects.toThrow(
      `Port ${String(config.port)} is already in use: set PORT to a free port, or stop what listens there.`,
    );
    expect(lines.text).toBe('');
  });
});

/** The output as it came; a line can be waited for, and each is found once. */
class Lines {
  readonly stream = new PassThrough();
  text = '';
  private unseen = '';
  private wake: (() => void) | undefined;

  constructor() {
    this.stream.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      this.unseen += chunk.toString();
      this.wake?.();
    });
  }

  async next(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = new RegExp(pattern.source, 'm').exec(this.unseen);
      if (found) {
        this.unseen = this.unseen.replace(found[0], '');
        return found;
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

async function freePort(): Promise<number> {
  const server = await listen(0);
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) =>
    server.close(() => {
      resolve();
    }),
  );
}
