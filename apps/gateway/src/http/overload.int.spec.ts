import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '@millrace/testing';
import type { SubmittedTasks } from '../tasks/submit-task.schema.js';
import { ADMIN_KEY } from '../testing/gateway-client.js';
import type { GatewayClient } from '../testing/gateway-client.js';
import { startTestGateway } from '../testing/test-gateway.js';
import type { TestGateway } from '../testing/test-gateway.js';
import type { Problem } from './problem.js';

let gateway: TestGateway;
let client: GatewayClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  ({ client } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

const PER_BULK = 1_000;
const bulk = { tasks: Array.from({ length: PER_BULK }, () => ({ task_name: 'work' })) };

describe('a flood of submissions', () => {
  it('is taken as far as it fits while the log is slow; the rest is told to come back, and cancels pass', async () => {
    const { task_id } = (
      await client.call<{ task_id: string }>('POST /tasks', { body: { task_name: 'work' } })
    ).body;
    process.kill(gateway.nats.pid, 'SIGSTOP');
    const answers = Array.from({ length: 45 }, () =>
      client.call<SubmittedTasks | Problem>('POST /tasks/bulk', { body: bulk }),
    );
    let refused = 0;
    const refusals = answers.map(async (answer) => {
      const { status, body, headers } = await answer;
      if (!('code' in body) || body.code !== 'gateway/overloaded') return undefined;
      refused++;
      return { status, headers };
    });
    // Those that wait for the log have no answer yet.
    const first = await Promise.any(
      refusals.map(async (refusal) => (await refusal) ?? Promise.reject(new Error())),
    );
    expect(first.status).toBe(503);
    expect(first.headers.get('retry-after')).toBe('2');
    // All that do not fit, before there is room again.
    await waitUntil(() => refused >= 45 - 33);
    const cancel = client.call(`DELETE /tasks/${task_id}`);
    process.kill(gateway.nats.pid, 'SIGCONT');
    expect((await cancel).status).toBe(200);
    await Promise.all(refusals);
    expect(refused).toBeLessThan(45);
    await waitUntil(
      async () => (await client.call('POST /tasks', { body: { task_name: 'work' } })).status === 202,
    );
  });
});

describe('long bodies', () => {
  it('are refused before they are read while others fill the room that is meant for them', async () => {
    const sockets = Array.from({ length: 4 }, () => begin(60 * 1024 ** 2));
    const refusal = await waitUntil(async () => {
      const socket = begin(60 * 1024 ** 2);
      sockets.push(socket);
      const head = await Promise.race([firstWords(socket), quiet()]);
      return head.includes(' 503 ') && head;
    });
    expect(refusal).toMatch(/retry-after: 2/i);
    expect(refusal).toContain('gateway/overloaded');
    for (const socket of sockets) socket.destroy();
    await waitUntil(async () => {
      const { status } = await client.call('POST /tasks/bulk', { body: bulk });
      return status === 202;
    });
  });
});

/** A bulk of which only the head is sent. */
function begin(bytes: number): Socket {
  const { port } = new URL(client.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `POST /api/v1/tasks/bulk HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  return socket;
}

const firstWords = (socket: Socket): Promise<string> =>
  new Promise((resolve) => socket.once('data', (data) => resolve(data.toString())));

const quiet = (): Promise<string> => new Promise((resolve) => setTimeout(() => resolve(''), 200));
