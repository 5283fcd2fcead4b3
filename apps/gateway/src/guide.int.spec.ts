import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { archive } from './testing/archiver.js';
import { archiveOps } from './testing/ops-archiver.js';
import { ADMIN_KEY } from './testing/gateway-client.js';
import type { GatewayClient } from './testing/gateway-client.js';
import { startArchivingGateway } from './testing/test-gateway.js';
import type { ArchivingGateway } from './testing/test-gateway.js';

const GUIDES = new URL('../../../docs/guides/', import.meta.url);
/** The part of a guide that is about requests. */
const OPERATORS = '## For operators';

let guide: string;
let operators: string;
let unique: string;
let queues: string;
let gateway: ArchivingGateway;
let log: TaskLog;
let databaseUrl: string;
let client: GatewayClient;

beforeAll(async () => {
  guide = await readFile(new URL('rest-api.md', GUIDES), 'utf8');
  operators = (await readFile(new URL('long-runs.md', GUIDES), 'utf8')).split(OPERATORS)[1] ?? '';
  unique = await readFile(new URL('unique-tasks.md', GUIDES), 'utf8');
  queues = await readFile(new URL('queues.md', GUIDES), 'utf8');
  gateway = await startArchivingGateway({ handlers: [{ name: 'calculate_factorial', queue: 'default' }] });
  ({ log, client, databaseUrl } = gateway);
}, 60_000);

afterAll(() => gateway.stop());

interface Request {
  line: `${string} /${string}`;
  headers: Record<string, string>;
  body: string | undefined;
  status: number;
}

/** The requests of the guide's shell blocks: one curl each, with the expected status as a comment. */
const requestsOf = (text: string): Request[] =>
  [...text.matchAll(/```sh\n(curl[^`]*)```/g)].map(([, block = '']) => {
    const [, method, path = ''] = /^curl (?:-N )?(?:-X (\w+) )?"\$API([^"]*)"/.exec(block) ?? [];
    const headers = [...block.matchAll(/-H ['"]([^:]+): ([^'"]+)['"]/g)].map(([, name = '', value = '']) => [
      name,
      value,
    ]);
    const body = /-d '([^']*)'/.exec(block)?.[1];
    return {
      line: `${method ?? (body === undefined ? 'GET' : 'POST')} /${path.slice(1)}`,
      headers: Object.fromEntries(headers) as Record<string, string>,
      body,
      status: Number(/# (\d{3})\n/.exec(block)?.[1]),
    };
  });

/**
 * Sends the requests of a text, each about the task or operation that the one before has answered with: $ID, before that $OTHER.
 *
 * @param prepare done before each of them
 */
async function send(
  text: string,
  first = '',
  prepare = (): Promise<void> => Promise.resolve(),
): Promise<number> {
  const all = requestsOf(text);
  let [id, other] = [first, ''];
  for (const { line, headers, body, status } of all) {
    const key = headers['X-API-Key'] === '$KEY' ? ADMIN_KEY : null;
    const { 'X-API-Key': _key, 'Content-Type': _type, ...rest } = headers;
    const path = line.replace('$ID', id).replace('$OTHER', other) as typeof line;
    await prepare();
    const answer = await client.call<{ task_id?: string; operation_id?: string | null }>(path, {
      key,
      headers: rest,
      ...(body && { body }),
    });
    expect([path, body, answer.status]).toEqual([path, body, status]);
    const { operation_id, task_id = operation_id ?? id } = answer.body;
    if (task_id !== id) [id, other] = [task_id, id];
  }
  return all.length;
}

describe('the guide to long runs', () => {
  it('shows operators requests that do what it says', async () => {
    const task = { task_name: 'calculate_factorial', parameters: { number: 20 } };
    expect(await send(operators, await client.submit(task))).toBeGreaterThan(6);
  });
});

describe('the guide to unique tasks', () => {
  it('shows requests that do what it says', async () => {
    expect(await send(unique)).toBe(5);
  });
});

describe('the guide to queues', () => {
  it('shows requests that do what it says', async () => {
    expect(await send(queues)).toBe(5);
  });
});

describe('the guide to many tasks', () => {
  it('shows requests that do what it says', async () => {
    const many = await readFile(new URL('many-tasks.md', GUIDES), 'utf8');
    expect(await send(many, '', () => archive(log, databaseUrl))).toBeGreaterThan(6);
  });
});

describe('the guide to the order of tasks', () => {
  it('shows requests that do what it says', async () => {
    const order = await readFile(new URL('order.md', GUIDES), 'utf8');
    expect(await send(order, await client.submit({ task_name: 'calculate_factorial' }))).toBe(3);
  });
});

describe('the guide to metrics', () => {
  it('shows requests that do what it says', async () => {
    expect(await send(await readFile(new URL('metrics.md', GUIDES), 'utf8'))).toBe(4);
  });
});

describe('the guide to time travel', () => {
  it('shows requests that do what it says', async () => {
    const travel = await readFile(new URL('time-travel.md', GUIDES), 'utf8');
    const taskId = await client.submit({ task_name: 'calculate_factorial' });
    await archive(log, databaseUrl);
    const at = encodeURIComponent(new Date().toISOString());
    expect(await send(travel.replaceAll('$AT', at), taskId, () => archive(log, databaseUrl))).toBe(4);
  });
});

describe('the guide to the audit', () => {
  it('shows requests that do what it says', async () => {
    const audit = await readFile(new URL('audit.md', GUIDES), 'utf8');
    expect(await send(audit, '', () => archiveOps(log, databaseUrl))).toBe(5);
  });
});

describe('the guide to live events', () => {
  it('shows a request that does what it says', async () => {
    const live = await readFile(new URL('live-events.md', GUIDES), 'utf8');
    const taskId = await client.submit({ task_name: 'calculate_factorial' });
    await client.call(`DELETE /tasks/${taskId}`);
    expect(await send(live, taskId)).toBe(1);
  });
});

describe('the guide to the REST API', () => {
  it('shows requests that do what it says', async () => {
    expect(await send(guide)).toBeGreaterThan(8);
  });
});
