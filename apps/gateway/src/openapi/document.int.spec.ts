import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { startTestNats } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { GatewayClient } from '../testing/gateway-client.js';

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: unknown[];
  responses: Record<string, { description: string; content?: Record<string, Media> }>;
  requestBody?: { content: Record<string, Media> };
}
interface Media {
  schema?: object;
  example?: unknown;
  examples?: Record<string, unknown>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

let nats: TestNats;
let client: GatewayClient;
let document: Document;
let operations: [string, Operation][];

beforeAll(async () => {
  nats = await startTestNats();
  client = await GatewayClient.start(nats.url);
  document = (await client.fetch<Document>('GET /openapi.json')).body;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}, 60_000);

afterAll(async () => {
  await client.stop();
  await nats.stop();
});

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.0');
    // A copy: the validator resolves references in place.
    expect(
      await new Validator().validate(structuredClone(document) as object as Record<string, unknown>),
    ).toEqual({ valid: true });
  });

  it('has all operations, each with a name of its own', () => {
    const ids = operations.map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.sort()).toEqual([
      'actOnTasks',
      'branchTask',
      'cancelRebuild',
      'cancelTask',
      'checkLiveness',
      'checkReadiness',
      'cleanUpTasks',
      'cleanUpUnifiedQueue',
      'createKey',
      'defineAlertRule',
      'defineAlertRules',
      'defineQueue',
      'defineWebhook',
      'deleteKey',
      'deleteWebhook',
      'diffTasks',
      'evaluateAlertRule',
      'explainTask',
      'exportEvents',
      'exportTask',
      'getExecutorTaskResult',
      'getExecutorTaskStatus',
      'getOperation',
      'getQueue',
      'getTask',
      'getTaskHealth',
      'getTaskMetricSeries',
      'getTaskMetrics',
      'getTaskResult',
      'getTaskStats',
      'getTaskStatus',
      'getWorker',
      'getWorkerTaskStats',
      'getWorkerTaskStatus',
      'listAlertRules',
      'listAlerts',
      'listAudit',
      'listCleanups',
      'listFailures',
      'listHandlers',
      'listKeys',
      'listOperationNotes',
      'listOperations',
      'listPendingTasks',
      'listProblems',
      'listProjections',
      'listQueues',
      'listTaskAttempts',
      'listTaskEvents',
      'listTaskLogs',
      'listTasks',
      'listWebhooks',
      'listWorkers',
      'pauseQueue',
      'pauseTask',
      'prioritiseTask',
      'purgeQueue',
      'rebuildProjections',
      'reorderTask',
      'reorderUnifiedQueueTask',
      'rescheduleTask',
      'resetAlertRule',
      'resumeQueue',
      'resumeTask',
      'resumeUnifiedQueueTask',
      'retryTask',
      'retryWorkerTask',
      'runTaskNow',
      'sendSignal',
      'stopOperation',
      'streamEvents',
      'streamTaskEvents',
      'submitExecutorTask',
      'submitTask',
      'submitTasks',
      'undoOperation',
      'verifyAudit',
    ]);
  });

  it('says of every operation what it is, with an example of each answer', () => {
    for (const [name, { summary, tags, responses, requestBody }] of operations) {
      expect({ name, summary, tags }).toEqual({
        name,
        summary: expect.any(String),
        tags: [expect.any(String)],
      });
      for (const [status, { content, description }] of Object.entries(responses)) {
        expect({ name, status, description }).not.toMatchObject({ description: '' });
        if (status === '204') continue;
        const type =
          Number(status) < 400 || name.includes('/health')
            ? /json|event-stream/
            : /^application\/problem\+json$/;
        for (const [mediaType, media] of Object.entries(content ?? { none: {} })) {
          expect(mediaType).toMatch(type);
          expect(media.schema).toBeDefined();
          expect(media.example ?? media.examples).toBeDefined();
        }
      }
      for (const media of Object.values(requestBody?.content ?? {})) expect(media.schema).toBeDefined();
    }
  });

  it('tells the errors of every operation that needs a key', () => {
    const guarded = operations.filter(([name]) => name.includes('/api/v1/'));
    expect(guarded.length).toBeGreaterThan(0);
    for (const [name, { responses, security }] of guarded) {
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['401', '403', '500'])]);
      expect(security).toEqual([{ key: [] }, { bearer: [] }]);
    }
    for (const [name, { responses }] of guarded.filter(([name]) => name.includes('{task_id}')))
      expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining(['400', '404', '503'])]);
  });

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(document);
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name!,
    );
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(referred));
    expect(text).not.toContain('$defs');
  });

  it('is shown by Swagger UI', async () => {
    const page = await client.fetch<{ text: string }>('GET /docs');
    expect(page.body.text).toContain('swagger-ui');
    expect((await client.fetch('GET /docs/swagger-ui-bundle.js')).status).toBe(200);
  });
});
