import { setImmediate } from 'node:timers/promises';

const SLICE_MS = 10;

/** A handler's turn on the event loop, which all tasks of the worker share: long work calls `pass` often, and it pauses when due. */
export class Turn {
  private began = performance.now();

  constructor(private readonly signal: AbortSignal) {}

  /** Returns at once while the slice lasts; then lets everybody else run. Throws the reason when the attempt must stop. */
  async pass(): Promise<void> {
    if (performance.now() - this.began < SLICE_MS) return;
    await setImmediate();
    this.signal.throwIfAborted();
    this.began = performance.now();
  }
}
