import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { testHandler } from '@millrace/worker/testkit';
import GreetingModule, { GreetingHandler } from './greeting.module.js';

const PROJECT = new URL('../../../', import.meta.url);

const kit = testHandler(new GreetingHandler(), 'greet');

describe('greet', () => {
  it('greets everybody', async () => {
    const run = kit.submit({ names: ['Ada'] });
    await run.until('succeeded');
    expect(run.result).toEqual({ greetings: ['Hello Ada!'] });
    expect(run.progress).toEqual([{ current: 1, total: 1, step: 'Ada' }]);
    expect(run.logs).toEqual([expect.objectContaining({ message: 'Greeted', fields: { name: 'Ada' } })]);
  });

  it('fails as often as it is told to, and then succeeds', async () => {
    const run = kit.submit({ names: ['Ada'], failures: 2 });
    await run.until('scheduled');
    expect(run.error?.message).toBe('Attempt 1 was told to fail.');
    await run.advance({ seconds: 2 + 4 });
    expect(run.kinds.filter((kind) => kind !== 'progress')).toEqual([
      'p5',
      ...['started', 'scheduled'],
      ...['started', 'scheduled'],
      ...['started', 'succeeded'],
    ]);
  });

  it('does not ask for another attempt when none can go better', async () => {
    const run = kit.submit({ names: ['Ada', ''] });
    await run.until('failed');
    expect(run.error?.name).toBe('UnrecoverableError');
  });
});

it('can be loaded by the worker: the default export is a Nest module with the handler', async () => {
  const app = await NestFactory.createApplicationContext(GreetingModule, { logger: false });
  expect(app.get(GreetingHandler)).toBeInstanceOf(GreetingHandler);
  await app.close();
});

describe('the guide to the first task', () => {
  it('shows the code that is compiled and tested here', async () => {
    const guide = await readFile(new URL('docs/guides/first-task.md', PROJECT), 'utf8');
    const source = await readFile(new URL('samples/src/greeting/greeting.module.ts', PROJECT), 'utf8');
    expect([...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code)).toEqual([source]);
  });
});

describe('the README', () => {
  it('shows the handler that is compiled and tested here', async () => {
    const readme = await readFile(new URL('README.md', PROJECT), 'utf8');
    const source = await readFile(new URL('samples/src/greeting/greeting.module.ts', PROJECT), 'utf8');
    const shown = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
    expect(shown).toHaveLength(1);
    // In the README it stands without the class around it.
    expect(source.replaceAll(/^ {2}/gm, '')).toContain(shown[0]);
  });
});
