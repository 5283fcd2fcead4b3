import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openTestLog, spawnApp, startTestNats, startTestPostgres, waitUntil } from './index.js';

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  // Clients before their servers.
  for (const end of ends.reverse()) await end();
});

describe('a test nats-server', () => {
  it('keeps its url and its streams when it is killed and started again', async () => {
    const nats = await startTestNats();
    ends.push(nats.stop);
    const log = await openTestLog(nats.url);
    ends.push(() => log.close());
    const { createdAt } = await log.admin.state();
    await nats.kill();
    await nats.restart();
    await waitUntil(async () => (await log.admin.state()).createdAt === createdAt);
  });
});

describe('a test Postgres', () => {
  it('gives a new database each time, and keeps them over a restart', async () => {
    const postgres = await startTestPostgres();
    ends.push(postgres.stop);
    const first = await postgres.freshDatabase();
    await postgres.kill();
    await postgres.restart();
    expect(await postgres.freshDatabase()).not.toBe(first);
  });
});

describe('waitUntil', () => {
  it('resolves with what the condition found, through errors and empty answers', async () => {
    const answers = [undefined, false, null, 0];
    const value = await waitUntil(() => {
      if (answers.length === 4) answers.shift();
      else if (answers.length === 3) throw new Error(String(answers.shift()));
      return answers.length > 1 ? answers.shift() : answers[0];
    });
    expect(value).toBe(0);
  });

  it('says what it waited for and what it saw last', async () => {
    const waited = waitUntil(() => false, { timeoutMs: 20, what: 'the end of days' });
    await expect(waited).rejects.toThrow('Waited 20 ms for: the end of days\nLast seen: false');
  });
});

describe('a spawned app', () => {
  it('shows what it writes and how it ended', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-test-app-'));
    ends.push(() => rm(dir, { recursive: true }));
    const main = join(dir, 'main.mjs');
    await writeFile(main, 'console.log("ready", process.env.WORD); setInterval(() => {}, 1000);');
    const app = spawnApp(main, { WORD: 'now' });
    expect(await app.line('ready')).toBe('ready now');
    await expect(app.line('never', 50)).rejects.toThrow('ready now');
    expect(await app.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    await expect(app.line('never')).rejects.toThrow('before it ended');
  });
});
