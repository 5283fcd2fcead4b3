import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '@millrace/testing';
import { NatsCli, findNatsCli } from './system/nats-cli.js';
import { PROJECT_DIR } from './system/places.js';
import { System } from './system/system.js';

/** What each command of docs/guides/nats-cli.md shows, in the order of the page. */
const SHOWS: Record<string, RegExp> = {
  'nats stream view TASKS 100': /Subject: tasks\.default\.p5\.hello-1 Received/,
  "nats stream get TASKS --last-for 'tasks.*.*.hello-1'": /on Subject tasks\.default\.succeeded\.hello-1/,
  "nats sub --stream TASKS --all -T 'tasks.*.*.hello-1'":
    /\.p5\.hello-1[^]*\.started\.hello-1[^]*\.progress\.hello-1[^]*\.succeeded\.hello-1/,
  "nats stream subjects TASKS 'tasks.*.failed.*'": /tasks\.default\.failed\.nobody/,
  "nats stream subjects TASKS 'tasks.*.*.hello-1'": /4 Subjects[^]*tasks\.default\.started\.hello-1 +│ 1/,
  "nats stream subjects TASKS 'timers.>'": /timers\.default\.hello-later\.\d+/,
  "nats sub 'tasks.*.failed.*'": /Received on "tasks\.default\.failed\.nobody-\w+"/,
  "nats sub --stream TASKS --new 'tasks.*.failed.*'":
    /stream: TASKS seq: \d+ .* tasks\.default\.failed\.nobody-\w+/,
  "nats sub 'progress.>'": /progress\.default\.watched-\w+[^]*"percent":50/,
  'nats consumer report TASKS': /default_front +│ Pull │ Explicit[^]*default_p5 +│ Pull │ Explicit/,
  'nats kv ls queues': /^default$/m,
  'nats kv get handlers greet --raw': /"name":"greet","queue":"default"/,
  'nats stream report': /TASKS +│ File[^]*│/,
};

/** Commands that wait for what happens next. */
const LIVE = /^nats sub (?!.* -T )/;

const cli = findNatsCli();
const whereInstalled = cli === undefined ? it.skip : it;
const guide = join(PROJECT_DIR, 'docs/guides/nats-cli.md');

describe(`the stock nats command${cli === undefined ? ' (skipped: it is not installed; put it on PATH or name it by MILLRACE_NATS_CLI)' : ''}`, () => {
  let system: System;
  let nats: NatsCli;
  let count = 0;

  beforeAll(async () => {
    if (cli === undefined) return;
    const greeting = join(PROJECT_DIR, 'samples/dist/greeting/greeting.module.js');
    system = await System.start({ worker: { handlers: `@millrace/samples,${greeting}`, leaseSeconds: 30 } });
    nats = new NatsCli(cli, system.nats.url);
    const { api } = system;
    const hello = { task_name: 'my_simple_task', parameters: { message: 'hello', count: 1 } };
    await api.submit({ ...hello, task_id: 'hello-1' });
    await api.submit({ ...hello, task_id: 'hello-later', delay_seconds: 3600 });
    await api.submit({ ...hello, task_id: 'hello-never', delay_seconds: 3600 });
    await api.cancel('hello-never');
    await fail('nobody');
    await api.result('hello-1');
  }, 60_000);

  afterAll(async () => {
    if (cli !== undefined) await system.stop();
  });

  it('has a cookbook of the recipes that are tried here, and of no others', async () => {
    const page = await readFile(guide, 'utf8');
    const blocks = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block!);
    const commands = blocks.flatMap((block) => block.split('\n')).filter((line) => line.startsWith('nats '));
    expect(commands.map((line) => line.replace(/ +#.*$/, ''))).toEqual(Object.keys(SHOWS));
  });

  whereInstalled.each(Object.entries(SHOWS))('shows what it should: %s', async (command, wanted) => {
    if (LIVE.test(command)) {
      await nats.watching(
        command,
        () => (command.includes('progress') ? watched() : fail(`nobody-${++count}`)),
        wanted,
      );
      return;
    }
    const { output, code } = command.includes('view')
      ? await nats.inTerminal(command)
      : await nats.run(command);
    expect(output).toMatch(wanted);
    expect(code).toBe(0);
  });

  whereInstalled('also shows, on a plain subscription, writes that the log refused', async () => {
    const twice = { task_name: 'my_simple_task', task_id: 'twice', parameters: { message: 'hi' } };
    const again = async (): Promise<void> => {
      expect((await system.api.submit(twice)).status).toBe(202);
      expect((await system.api.submit(twice)).body.duplicate).toBe(true);
    };
    await nats.watching("nats sub 'tasks.*.p5.twice'", again, /\[#2\][^]*tasks\.default\.p5\.twice/);
    const { output } = await nats.run("nats stream subjects TASKS 'tasks.*.p5.twice'");
    expect(output).toMatch(/tasks\.default\.p5\.twice +│ 1 /);
  });

  /** The dead letter: nobody can be greeted by an empty name. */
  async function fail(task_id: string): Promise<void> {
    await system.api.submit({ task_name: 'greet', task_id, parameters: { names: [''] } });
    await waitUntil(async () => (await system.api.status(task_id)).body.status === 'FAILURE');
  }

  async function watched(): Promise<void> {
    const parameters = { message: 'hello', count: 2 };
    await system.api.submit({ task_name: 'my_simple_task', task_id: `watched-${++count}`, parameters });
  }
});
