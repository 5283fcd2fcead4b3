import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TaskLog } from '@millrace/log';
import { migrate } from '@millrace/read-model';
import { openTestLog, startTestNats, startTestPostgres } from '@millrace/testing';
import type { TestNats, TestPostgres } from '@millrace/testing';
import { readGatewayConfig } from './config.js';
import { ADMIN_KEY, GatewayClient } from './testing/gateway-client.js';
import { TaskDriver } from './testing/task-driver.js';

const GUIDE = new URL('../../../docs/guides/rest-api.md', import.meta.url);

let guide: string;
let nats: TestNats;
let postgres: TestPostgres;
let log: TaskLog;
let client: GatewayClient;

beforeAll(async () => {
  guide = await readFile(GUIDE, 'utf8');
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  const databaseUrl = await postgres.freshDatabase();
  await migrate(databaseUrl);
  log = await openTestLog(nats.url);
  await new TaskDriver(log).register({ name: 'calculate_factorial', queue: 'default' });
  client = await GatewayClient.start(nats.url, { DATABASE_URL: databaseUrl });
}, 60_000);

afterAll(async () => {
  await client.stop();
  await log.close();
  await nats.stop();
  await postgres.stop();
});

interface Request {
  line: `${string} /${string}`;
  headers: Record<string, string>;
  body: string | undefined;
  status: number;
}

/** The requests of the guide's shell blocks: one curl each, with the expected status as a comment. */
const requests = (): Request[] =>
  [...guide.matchAll(/```sh\n([^`]*)```/g)].map(([, block = '']) => {
    const [, method, path = ''] = /^curl (?:-X (\w+) )?"\$API([^"]*)"/.exec(block) ?? [];
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

describe('the guide to the REST API', () => {
  it('shows requests that do what it says', async () => {
    const all = requests();
    expect(all.length).toBeGreaterThan(8);
    let id = '';
    for (const { line, headers, body, status } of all) {
      const key = headers['X-API-Key'] === '$KEY' ? ADMIN_KEY : null;
      const { 'X-API-Key': _key, 'Content-Type': _type, ...rest } = headers;
      const path = line.replace('$ID', id) as typeof line;
      const answer = await client.call<{ task_id?: string }>(path, {
        key,
        headers: rest,
        ...(body && { body }),
      });
      expect([path, body, answer.status]).toEqual([path, body, status]);
      id = answer.body.task_id ?? id;
    }
  });

  it('names every setting with its default', () => {
    for (const [name, value] of Object.entries(readGatewayConfig({})))
      expect(guide).toMatch(new RegExp(`\\| \`${name}\` +\\| ${String(value).replaceAll(/[.?]/g, '\\$&')} `));
  });
});
