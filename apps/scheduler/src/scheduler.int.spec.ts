import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NO_TASK, decide } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import {
  aSubmission,
  openTestLog,
  spawnApp,
  startTestNats,
  startTestPostgres,
  waitUntil,
} from '@millrace/testing';
import type { TestApp, TestNats, TestPostgres } from '@millrace/testing';

const PROJECTOR = new URL('../../projector/dist/main.js', import.meta.url);
const SCHEDULER = new URL('./main.js', import.meta.url);
const QUEUE = 'films';

let nats: TestNats;
let postgres: TestPostgres;
let databaseUrl: string;
let log: TaskLog;
let projector: TestApp;
let apps: TestApp[] = [];

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  databaseUrl = await postgres.freshDatabase();
  log = await openTestLog(nats.url);
  await log.provisionQueue(QUEUE, 'test');
});

beforeEach(() => {
  projector = spawnApp(PROJECTOR, { NATS_URL: nats.url, DATABASE_URL: databaseUrl });
});

afterEach(async () => {
  await Promise.all([...apps, projector].map((app) => app.kill()));
  apps = [];
});

afterAll(async () => {
  await log.close();
  await Promise.all([nats.stop(), postgres.stop()]);
});

const SETTINGS = {
  MILLRACE_SWEEP_SECONDS: '0.2',
  MILLRACE_JANITOR_SECONDS: '0.2',
  MILLRACE_QUIET_SECONDS: '0.1',
};

function startScheduler(settings: Record<string, string> = {}): TestApp {
  const app = spawnApp(SCHEDULER, {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    ...SETTINGS,
    ...settings,
  });
  apps.push(app);
  return app;
}

const leads = (app: TestApp, concern: string): boolean =>
  app.lines.some((line) => line.includes(`"concern":"${concern}","msg":"Leads"`));

const submit = (task_id: string) =>
  log.append({ queue: QUEUE, task_id }, 0, decide(aSubmission(), NO_TASK, { now: Date.now(), random: 0 })!, {
    actor: 'test',
  });

/** Acknowledges the next ticket though its task needs it. */
async function loseTicket(): Promise<void> {
  let lost = 0;
  const puller = log.pull({
    queues: [QUEUE],
    free: () => 1 - lost,
    onTicket: (ticket) => {
      lost++;
      ticket.ack();
    },
  });
  await waitUntil(() => lost === 1);
  await puller.stop();
}

const historyOf = (task_id: string) => log.read.history({ queue: QUEUE, task_id });

describe('two schedulers', () => {
  it('share the concerns out, repair once, and one takes over at once when the other stops', async () => {
    const [one, other] = [startScheduler(), startScheduler()];
    await waitUntil(() => ['sweeper', 'janitor'].every((c) => leads(one, c) || leads(other, c)));
    expect(leads(one, 'sweeper') && leads(other, 'sweeper')).toBe(false);
    await submit('lost-1');
    await loseTicket();
    await waitUntil(async () => (await historyOf('lost-1')).length > 1);
    const [leader, follower] = leads(one, 'sweeper') ? [one, other] : [other, one];
    const begun = performance.now();
    expect(await leader.kill()).toEqual({ code: 0, signal: null });
    await follower.line(/"concern":"sweeper","msg":"Leads"/, 5_000);
    expect(performance.now() - begun).toBeLessThan(5_000);
    await submit('lost-2');
    // The repair of the first is delivered before it.
    await loseTicket();
    await loseTicket();
    await waitUntil(async () => (await historyOf('lost-2')).length > 1);
    expect(await historyOf('lost-2')).toHaveLength(2);
  });

  it('replace a leader that was killed once its lease has run out', async () => {
    const leader = startScheduler();
    await leader.line(/"concern":"janitor","msg":"Leads"/);
    const follower = startScheduler();
    await leader.kill('SIGKILL');
    await follower.line(/"concern":"janitor","msg":"Leads"/, 15_000);
  });
});

describe('a scheduler', () => {
  it('lists all that is wrong with its settings', async () => {
    const app = startScheduler({ MILLRACE_SWEEP_SECONDS: 'often', MILLRACE_LOG_RETENTION_TASKS: '-1' });
    expect((await app.exited).code).toBe(1);
    const output = app.lines.join('\n');
    expect(output).toContain('MILLRACE_SWEEP_SECONDS');
    expect(output).toContain('MILLRACE_LOG_RETENTION_TASKS');
  });

  it('sits Postgres out with one warning for each of its concerns', async () => {
    const app = startScheduler();
    await app.line('Scheduler started');
    await waitUntil(() => leads(app, 'sweeper') && leads(app, 'janitor'));
    await postgres.halt();
    await app.line('The sweeper skipped a round');
    await app.line('The janitor skipped a round');
    // Long enough for several rounds.
    const rounds = performance.now() + 1_000;
    await waitUntil(() => performance.now() > rounds);
    await postgres.restart();
    await app.line('The sweeper goes its rounds again');
    await app.line('The janitor goes its rounds again');
    const warnings = app.lines
      .filter((line) => line.includes('skipped a round'))
      .map((line) => JSON.parse(line) as { reason: string; msg: string });
    expect(new Set(warnings.map(({ reason }) => reason))).toEqual(new Set(['Postgres is away']));
    expect(new Set(warnings.map(({ msg }) => msg)).size).toBe(warnings.length);
    expect((await app.kill()).code).toBe(0);
  });

  it('sits the broker out', async () => {
    const app = startScheduler();
    await waitUntil(() => leads(app, 'sweeper'));
    await nats.kill();
    await app.line('The sweeper skipped a round');
    await nats.restart();
    await app.line('The sweeper goes its rounds again', 20_000);
    expect((await app.kill()).code).toBe(0);
  });

  it('can be stopped while the broker is away', async () => {
    await nats.halt();
    const app = startScheduler({ MILLRACE_LOG_LEVEL: 'debug' });
    await app.line('Opening the log');
    expect((await app.kill()).code).toBe(0);
    await nats.restart();
  });
});
