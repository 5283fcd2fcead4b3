import { describe, expect, it } from '@jest/globals';
import { TaskCancelledError } from '@millrace/worker';
import { recordedContext } from '../recorded-context.specification.js';
import { SimpleHandler } from './simple.handler.js';

describe('my_simple_task', () => {
  it('takes a second for each message and reports it', async () => {
    const { context, reports } = recordedContext({ message: 'Hello', count: 1 });
    const began = performance.now();
    expect(await new SimpleHandler().run(context)).toEqual({
      message: 'Hello',
      count: 1,
      results: ['Hello - iteration 1'],
    });
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(reports).toEqual([{ current: 1, total: 1, percent: 100, step: 'iteration 1 of 1' }]);
  });

  it('ends its wait at once when its signal aborts', async () => {
    const { context, reports, stop } = recordedContext({ message: 'Hello', count: 100 });
    const running = new SimpleHandler().run(context);
    const reason = new TaskCancelledError('cancelled');
    stop(reason);
    await expect(running).rejects.toMatchObject({ name: 'AbortError', cause: reason });
    expect(reports).toEqual([]);
  });

  it('does not begin after its signal has aborted', async () => {
    const reason = new TaskCancelledError('cancelled');
    const { context } = recordedContext(
      { message: 'Hello', count: 1 },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(new SimpleHandler().run(context)).rejects.toBe(reason);
  });
});
