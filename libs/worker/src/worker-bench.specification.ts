import { DEFAULT_RETRY_POLICY, NO_TASK, decide } from '@millrace/domain';
import type { ExistingTask, Fact, Json, Kind, TaskSpec } from '@millrace/domain';
import type { TaskLog } from '@millrace/log';
import { createLogger } from '@millrace/runtime';
import { aSpec, openTestLog, startTestNats, waitUntil } from '@millrace/testing';
import type { TestNats } from '@millrace/testing';
import { createHandler } from './handlers/handler.js';
import type { TaskHandlerOptions } from './handlers/task-handler.decorator.js';
import type { TaskContext } from './task-context.js';
import { TaskWorker } from './task-worker.js';
import type { WorkerOptions } from './worker-options.js';

export const QUEUE = 'films';
export const QUICK_RETRY = { ...DEFAULT_RETRY_POLICY, delay_seconds: 0.05, jitter: false };

/** Workers, tasks and a log of a spec's own, on a real server. */
export interface WorkerBench {
  nats: TestNats;
  log: TaskLog;
  /** A worker with one handler, `render`. */
  startWorker: (
    run: (context: TaskContext) => unknown,
    options?: Partial<WorkerOptions> & { handler?: Partial<TaskHandlerOptions> },
  ) => Promise<TaskWorker>;
  /** Stops all workers. */
  stopWorkers: () => Promise<void>;
  submit: (spec?: Partial<TaskSpec>, parameters?: Json) => Promise<string>;
  untilIn: (id: string, phase: ExistingTask['phase']) => Promise<ExistingTask>;
  factsOf: (id: string) => Promise<Fact[]>;
  kindsOf: (id: string) => Promise<Kind[]>;
  stop: () => Promise<void>;
}

export async function openWorkerBench(): Promise<WorkerBench> {
  const nats = await startTestNats();
  const log = await openTestLog(nats.url, { leaseSeconds: 1 });
  await log.provisionQueue(QUEUE, 'test');
  const workers: TaskWorker[] = [];
  const ref = (id: string) => ({ queue: QUEUE, task_id: id });
  const stopWorkers = async (): Promise<void> => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  };
  const factsOf = (id: string): Promise<Fact[]> => log.read.history(ref(id));
  return {
    nats,
    log,
    stopWorkers,
    factsOf,
    async startWorker(run, { handler, ...options } = {}) {
      const render = createHandler({ name: 'render', queue: QUEUE, ...handler }, (context) =>
        Promise.resolve(context).then(run),
      );
      const worker = new TaskWorker(new Map([[render.name, render]]), {
        natsUrl: nats.url,
        logger: createLogger({ app: 'worker', level: 'silent', format: 'json' }),
        concurrency: 4,
        queues: [QUEUE],
        leaseSeconds: 1,
        drainSeconds: 0.2,
        quietMs: 0,
        ...options,
      });
      workers.push(worker);
      await worker.start();
      return worker;
    },
    async submit(spec = {}, parameters = {}) {
      const id = crypto.randomUUID();
      const command = { type: 'submit', spec: aSpec({ retry: QUICK_RETRY, ...spec }), parameters } as const;
      const event = decide(command, NO_TASK, { now: Date.now(), random: 0 });
      if (!event) throw new Error('A submission makes an event.');
      await log.append(ref(id), 0, event, { actor: 'api:test' });
      return id;
    },
    untilIn: (id, phase) =>
      waitUntil(
        async () => {
          const state = await log.read.task(ref(id));
          return state.phase === phase && state;
        },
        { timeoutMs: 15_000, what: `${id} to be ${phase}` },
      ),
    kindsOf: async (id) => (await factsOf(id)).map(({ kind }) => kind),
    async stop() {
      await stopWorkers();
      await log.close();
      await nats.stop();
    },
  };
}
