import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import { factOf } from './codec.js';
import { TaskLog } from './task-log.js';
import { Broker } from './testing/broker.js';
import { CARD } from './testing/tasks.js';
import { waitUntil } from './testing/wait-until.js';
import type { Ticket } from './ticket.js';

let broker: Broker;
beforeAll(async () => {
  broker = await Broker.start();
});
afterAll(() => broker.stop());

describe('the README', () => {
  it('shows an example that runs', async () => {
    const { url } = broker;
    const card = CARD;
    const started: Fact[] = [];
    // example
    const log = await TaskLog.open({ url, name: 'docs' });
    await log.provisionQueue('video', 'docs');

    // A task is created by the write that makes it ready; 0: it must not exist yet.
    const task = { queue: 'video', task_id: 't1' };
    const event = { kind: 'p5', data: { ...card, reason: 'submitted' } } as const;
    const fact = await log.append(task, 0, event, { actor: 'api:docs' });

    // That fact is the ticket. Whoever appends `started` on it has the task; all others get a ConcurrencyError.
    const run = async (ticket: Ticket): Promise<void> => {
      const ready = factOf({ ...ticket, kind: ticket.lane }, ticket.sequence, ticket.payload);
      const data = { attempt: 1, worker: 'w1', ticket: ticket.sequence, failed: 0, lost: 0 };
      const claim = { kind: 'started', data } as const;
      started.push(await log.append(ready, ready.sequence, claim, { actor: 'w1' }));
      ticket.ack();
    };
    const puller = log.pull({ queues: ['video'], free: () => 1, onTicket: (ticket) => void run(ticket) });
    // example
    await waitUntil(() => started.length === 1);
    expect(started[0]).toMatchObject({ ...task, kind: 'started', prev: fact.sequence });
    await puller.stop();
    await log.close();

    const [, example = ''] = readFileSync(
      new URL('../src/readme.int.spec.ts', import.meta.url),
      'utf8',
    ).split('    // example\n');
    const shown = /```ts\n([^]*?)```/.exec(
      readFileSync(new URL('../README.md', import.meta.url), 'utf8'),
    )?.[1];
    expect(shown).toBe(example.replaceAll(/^ {4}/gm, ''));
  });
});
