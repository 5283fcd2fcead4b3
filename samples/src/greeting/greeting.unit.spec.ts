import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { UnrecoverableError } from '@millrace/worker';
import { recordedContext } from '../recorded-context.specification.js';
import GreetingModule, { GreetingHandler } from './greeting.module.js';

const PROJECT = new URL('../../../', import.meta.url);

describe('greet', () => {
  it('greets everybody', async () => {
    const { context, reports } = recordedContext({ names: ['Ada'], failures: 0 });
    expect(await new GreetingHandler().greet(context)).toEqual({ greetings: ['Hello Ada!'] });
    expect(reports).toEqual([{ current: 1, total: 1, step: 'Ada' }]);
  });

  it('fails as often as it is told to', async () => {
    const { context } = recordedContext({ names: ['Ada'], failures: 2 }, { attempt: 2 });
    await expect(new GreetingHandler().greet(context)).rejects.toThrow('Attempt 2 was told to fail.');
  });

  it('does not ask for another attempt when none can go better', async () => {
    const { context } = recordedContext({ names: ['Ada', ''], failures: 0 });
    await expect(new GreetingHandler().greet(context)).rejects.toThrow(UnrecoverableError);
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
