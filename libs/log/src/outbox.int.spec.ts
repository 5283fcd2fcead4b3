import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NatsConnection } from '@nats-io/transport-node';
import { openConnection } from './connection.js';
import { Outbox } from './outbox.js';
import { Broker } from './testing/broker.js';
import { waitUntil } from './testing/wait-until.js';

let broker: Broker;
let connection: NatsConnection;
let outbox: Outbox;
let received: string[];
beforeAll(async () => {
  broker = await Broker.start();
  connection = await openConnection({ url: broker.url, name: 'outbox' });
  outbox = new Outbox(connection);
  connection.subscribe('heard.>', {
    callback: (_, message) => {
      const header = message.headers?.get('Kind') ?? '';
      received.push([message.subject, message.reply, header, message.string()].join(' '));
    },
  });
});
afterAll(async () => {
  await connection.close();
  await broker.stop();
});

describe('an outbox', () => {
  it('sends what one turn says in order, with its headers and in any script', async () => {
    received = [];
    outbox.publish('heard.one', '', '', 'plain');
    outbox.publish('heard.two', 'answer.here', 'NATS/1.0\r\nKind: special\r\n\r\n', '{"name":"Zoë 任务 🚀"}');
    outbox.publish('heard.three', '', '', '');
    expect(received).toEqual([]);
    await waitUntil(() => received.length === 3);
    expect(received).toEqual([
      'heard.one   plain',
      'heard.two answer.here special {"name":"Zoë 任务 🚀"}',
      'heard.three   ',
    ]);
  });

  it('holds more than a chunk, and a message longer than one', async () => {
    received = [];
    const texts = Array.from({ length: 300 }, (_, i) => `${i} `.padEnd(i === 150 ? 500_000 : 2_000, 'ü'));
    for (const text of texts) outbox.publish('heard.much', '', '', text);
    await waitUntil(() => received.length === texts.length);
    expect(received).toEqual(texts.map((text) => `heard.much   ${text}`));
  });

  it('sends again what it sent before', async () => {
    received = [];
    const sent = outbox.publish('heard.twice', '', '', 'once');
    outbox.flush();
    outbox.publish('heard.between', '', '', 'x'.repeat(200_000));
    outbox.repeat(sent);
    await waitUntil(() => received.length === 3);
    expect(received[2]).toBe(received[0]);
  });

  it('refuses a subject that the broker would read as something else', () => {
    for (const subject of ['', 'two words', 'line\r\nbreak'])
      expect(() => outbox.publish(subject, '', '', '')).toThrow('subject');
  });
});
