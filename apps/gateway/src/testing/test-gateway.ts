import type { HandlerRecord, TaskLog } from '@millrace/log';
import { migrate } from '@millrace/read-model';
import { openTestLog, shareTestPostgres, startTestNats } from '@millrace/testing';
import type { SharedPostgres, TestNats } from '@millrace/testing';
import { GatewayClient } from './gateway-client.js';
import { TaskDriver } from './task-driver.js';

/** What most specs run against: a gateway with a broker of its own, and what plays the workers. */
export interface TestGateway {
  nats: TestNats;
  log: TaskLog;
  driver: TaskDriver;
  client: GatewayClient;
  stop: () => Promise<void>;
}

/** With Postgres, whose tables are empty. */
export interface ArchivingGateway extends TestGateway {
  databaseUrl: string;
  /** URL of a database with the tables, which are empty. */
  freshArchive: () => Promise<string>;
}

interface TestGatewayOptions {
  /** What is registered before it starts; `work` in the queue `default` unless it is said. */
  handlers?: readonly HandlerRecord[];
  nats?: Parameters<typeof startTestNats>[0];
}

interface ArchivingGatewayOptions extends TestGatewayOptions {
  /** One that the spec may harm, stopped with the gateway. Defaults to that of all suites. */
  postgres?: SharedPostgres;
  /** What starts at the same time, such as another gateway. */
  meanwhile?: (natsUrl: string, databaseUrl: string) => Promise<void>;
}

const WORK: HandlerRecord = { name: 'work', queue: 'default' };

export async function startTestGateway({
  handlers = [WORK],
  nats: options,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const broker = await startBroker(handlers, options);
  const client = await GatewayClient.start(broker.nats.url);
  return { ...broker, client, stop: () => stopAll(client, broker) };
}

export async function startArchivingGateway({
  handlers = [WORK],
  nats: options,
  postgres: own,
  meanwhile,
}: ArchivingGatewayOptions = {}): Promise<ArchivingGateway> {
  const [broker, postgres] = await Promise.all([startBroker(handlers, options), own ?? shareTestPostgres()]);
  const databaseUrl = await postgres.freshDatabase();
  // The gateway needs the tables only when it is asked.
  const [client] = await Promise.all([
    GatewayClient.start(broker.nats.url, { DATABASE_URL: databaseUrl }),
    migrate(databaseUrl),
    meanwhile?.(broker.nats.url, databaseUrl),
  ]);
  const freshArchive = async (): Promise<string> => {
    const url = await postgres.freshDatabase();
    await migrate(url);
    return url;
  };
  return {
    ...broker,
    databaseUrl,
    freshArchive,
    client,
    stop: () => stopAll(client, broker, postgres),
  };
}

type TestBroker = Pick<TestGateway, 'nats' | 'log' | 'driver'>;

async function startBroker(
  handlers: readonly HandlerRecord[],
  options: TestGatewayOptions['nats'],
): Promise<TestBroker> {
  const nats = await startTestNats(options);
  const log = await openTestLog(nats.url);
  const driver = new TaskDriver(log);
  for (const handler of handlers) await driver.register(handler);
  return { nats, log, driver };
}

async function stopAll(
  client: GatewayClient,
  { nats, log }: TestBroker,
  postgres?: SharedPostgres,
): Promise<void> {
  await client.stop();
  await log.close();
  await Promise.all([nats.stop(), postgres?.stop()]);
}
