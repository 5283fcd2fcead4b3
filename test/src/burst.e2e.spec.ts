import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnApp, waitUntil } from '@millrace/testing';
import type { TestApp } from '@millrace/testing';
import { PROJECT_DIR, appMain } from './system/places.js';
import { System } from './system/system.js';

interface Line {
  message: string;
  level: string;
  attempt: number;
  worker: string;
  fields: Record<string, unknown>;
}

const GREETING = join(PROJECT_DIR, 'samples/dist/greeting/greeting.module.js');

describe('a worker that was told to work until nothing is left', () => {
  let system: System;

  beforeAll(async () => {
    system = await System.start({ workers: 0 });
    // The gateway takes no name that no worker has registered.
    await burst().exited;
  }, 60_000);

  afterAll(() => system.stop());

  const burst = (): TestApp =>
    spawnApp(appMain('worker'), { NATS_URL: system.nats.url }, [
      '--burst',
      '--handlers',
      GREETING,
      '--name',
      'burst',
    ]);

  const greet = async (parameters: object, more: object = {}): Promise<string> => {
    const submitted = await system.api.submit({ task_name: 'greet', parameters, ...more });
    expect(submitted.status).toBe(202);
    return submitted.body.task_id;
  };

  it('runs what waits, is seen meanwhile, and exits 0', async () => {
    const good = await greet({ names: ['Ada', 'Grace'] });
    const retried = await greet({ names: ['Edsger'], failures: 1 }, { retry: { delay_seconds: 3600 } });
    const app = burst();
    const [worker] = await waitUntil(async () => {
      const { items } = (await system.api.call<{ items: object[] }>('GET', '/api/v1/workers')).body;
      return items.length > 0 && items;
    });
    expect(worker).toMatchObject({ pid: app.pid, queues: ['default'], handlers: ['greet'] });
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect((await system.api.status(good)).body.status).toBe('SUCCESS');
    // Its retry waits for a time, and that keeps nobody.
    expect((await system.api.status(retried)).body.status).toBe('RETRY');
    expect((await system.api.call('GET', '/api/v1/workers')).body).toEqual({ items: [] });
  }, 60_000);

  it('leaves behind what its handlers logged', async () => {
    const id = await greet({ names: ['Ada', 'Grace'] });
    await burst().exited;
    const { items } = (await system.api.call<{ items: Line[] }>('GET', `/api/v1/tasks/${id}/logs`)).body;
    expect(items).toMatchObject([
      {
        message: 'Greeted',
        level: 'info',
        attempt: 1,
        worker: expect.stringMatching(/^burst-/),
        fields: { name: 'Ada' },
      },
      { message: 'Greeted', level: 'info', attempt: 1, fields: { name: 'Grace' } },
    ]);
  }, 60_000);
});
