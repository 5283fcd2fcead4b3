import { describe, expect, it } from '@jest/globals';
import { testHandler } from '@millrace/worker/testkit';
import { SimpleHandler } from './simple.handler.js';

const kit = testHandler(new SimpleHandler(), 'run');

describe('my_simple_task', () => {
  it('takes a second for each message and reports it', async () => {
    const run = kit.submit({ message: 'Hello' });
    const began = performance.now();
    await run.until('succeeded');
    expect(run.result).toEqual({ message: 'Hello', count: 1, results: ['Hello - iteration 1'] });
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(run.progress).toEqual([{ current: 1, total: 1, percent: 100, step: 'iteration 1 of 1' }]);
  });

  it('ends its wait at once when it is cancelled', async () => {
    const run = kit.submit({ message: 'Hello', count: 100 });
    await run.until('running');
    const began = performance.now();
    run.cancel();
    await run.handlerEnded();
    expect(performance.now() - began).toBeLessThan(900);
    expect([run.status, run.progress]).toEqual(['REVOKED', []]);
  });

  it('is stopped by its soft limit, and tried again', async () => {
    const run = kit.submit({ message: 'Hello', count: 100 });
    await run.until('running');
    await run.advance({ seconds: 290 });
    await run.until('scheduled');
    expect([run.status, run.error?.name]).toEqual(['RETRY', 'SoftTimeLimitExceeded']);
  });
});
