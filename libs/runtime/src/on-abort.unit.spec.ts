import { describe, expect, it } from '@jest/globals';
import { onAbort } from './on-abort.js';

describe('onAbort', () => {
  /** How often it called back, and what ends it. */
  function heard(signal: AbortSignal): { times: number; unheed: () => void } {
    const told = { times: 0, unheed: (): void => undefined };
    told.unheed = onAbort(signal, () => {
      told.times++;
    });
    return told;
  }

  it('calls back once when the signal is aborted', () => {
    const controller = new AbortController();
    const told = heard(controller.signal);
    expect(told.times).toBe(0);
    controller.abort();
    controller.abort();
    expect(told.times).toBe(1);
  });

  it('calls back at once when it was aborted before', () => {
    const told = heard(AbortSignal.abort());
    expect(told.times).toBe(1);
    told.unheed();
  });

  it('calls back no more once it was ended', () => {
    const controller = new AbortController();
    const told = heard(controller.signal);
    told.unheed();
    controller.abort();
    expect(told.times).toBe(0);
  });
});
