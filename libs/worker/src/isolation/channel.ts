import type { FromChild } from './wire.js';

/** The child's end of the channel to its parent. */
export class Channel {
  #unsent = 0;

  /** Whether the parent reads more slowly than this process writes. */
  get isCongested(): boolean {
    return this.#unsent > 0;
  }

  send(message: FromChild): void {
    let hasRoom = true;
    // What cannot be sent any more has no reader: the parent is gone, and this process follows it.
    const onSent = (): void => {
      if (!hasRoom) this.#unsent--;
    };
    hasRoom = process.send?.(message, undefined, undefined, onSent) ?? true;
    if (!hasRoom) this.#unsent++;
  }
}
