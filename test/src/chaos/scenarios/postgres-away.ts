import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '@millrace/testing';
import { caughtUp } from '../../audit/rebuild.js';
import { lastTaskSequence } from '../../audit/read-facts.js';
import type { System } from '../../system/system.js';
import type { Load, Wish } from '../load.js';
import type { Round, Scenario } from '../scenario.js';
import { mixed, underLoad } from '../under-load.js';

/** Postgres stopped while everything runs; gateway and worker restarted meanwhile. */
export const postgresAway: Scenario = {
  name: 'postgres-away',
  claim: 'without Postgres tasks are submitted, run, retried and cancelled; only lists wait',
  run: async (round: Round) => {
    const { awayMs, unfinished } = round.choose({
      short: { awayMs: 8_000, unfinished: 60 },
      long: { awayMs: 60_000, unfinished: 500 },
    });
    await underLoad(
      round,
      { workers: 1, worker: { leaseSeconds: 2, quietSeconds: 1, concurrency: 60 }, unfinished, mix: mixed },
      async (system, watch, load) => {
        await waitUntil(() => watch.open >= unfinished / 2, { timeoutMs: 20_000 });
        round.expect((await system.api.list('limit=5')).status === 200, 'lists do not work to begin with');
        const stop = round.dice.chance(0.5) ? system.postgres.kill : system.postgres.halt;
        await stop();
        const back = sleep(awayMs);
        round.count('away ms', awayMs);
        await everythingGoesOn(system, load, round);
        // Both come up again without a database.
        await Promise.all([system.gateway.stop(), system.workers[0]?.stop()]);
        system.gateway.start();
        await Promise.all([system.gatewayReady(), system.startWorker()]);
        await everythingGoesOn(system, load, round);
        await back;
        await system.postgres.restart();
        const begun = performance.now();
        await caughtUp(system.database, await lastTaskSequence(system.log), 'the projection');
        round.count('catch-up ms', Math.round(performance.now() - begun));
        await waitUntil(async () => (await system.api.list('limit=5')).status === 200, {
          what: 'a list after the return',
        });
      },
    );
  },
};

/** One task of each kind, from its submission to its end, over the API. */
async function everythingGoesOn(system: System, load: Load, round: Round): Promise<void> {
  const status = async (taskId: string, wanted: string): Promise<void> => {
    await waitUntil(async () => (await system.api.status(taskId)).body.status === wanted, {
      timeoutMs: 30_000,
      every: 50,
      what: `${taskId} to be ${wanted} without Postgres`,
    });
  };
  const submit = async (wish: Wish): Promise<string> => {
    const order = await load.submit(wish);
    round.expect(order.submitted === 'yes', 'a task was not accepted without Postgres');
    return order.taskId;
  };
  const plain = async (): Promise<void> => status(await submit({ params: {} }), 'SUCCESS');
  const retried = async (): Promise<void> => status(await submit({ params: { fail: 1 } }), 'SUCCESS');
  const cancelled = async (): Promise<void> => {
    const order = await load.submit({ params: { ms: 60_000 } });
    await status(order.taskId, 'STARTED');
    const answer = await load.cancel(order);
    round.expect(answer.status === 200, `a cancel without Postgres was answered ${answer.status}`);
    await status(order.taskId, 'REVOKED');
  };
  const lists = async (): Promise<void> => {
    const { status: answer, retryAfter } = await system.api.list('limit=5');
    round.expect(answer === 503, `a list without Postgres was answered ${answer}`);
    round.expect((retryAfter ?? 0) > 0, 'a list without Postgres does not say when to come back');
  };
  await Promise.all([plain(), retried(), cancelled(), lists()]);
  round.count('proven without Postgres');
}
