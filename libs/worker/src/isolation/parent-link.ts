import type { Json } from '@millrace/domain';
import type { Channel } from './channel.js';
import { textOf, valueOf } from './wire.js';
import type { FromChild, Settled } from './wire.js';
import { unpackError } from './wire-error.js';

/** How a handler in a child process reaches the parent. */
export interface Remote {
  /**
   * Calls a method of the parent and waits for its answer. A call that has none when the run ends is never answered.
   *
   * @throws UnrecoverableError when an argument is no JSON; else what the parent threw
   */
  call: (method: string, ...args: unknown[]) => Promise<Json>;
  /**
   * Tells the parent something of which only the newest counts. Returns at once; what comes too fast is replaced, per method. Also
   * passes while the handler blocks its event loop.
   *
   * @throws UnrecoverableError when an argument is no JSON
   */
  notify: (method: string, ...args: unknown[]) => void;
}

/** Calls under way at once; further ones wait here, in the child, whose memory is limited. */
const MAX_CALLS = 64;
const NOTIFY_EVERY_MS = 50;

interface Call {
  id: number;
  message: FromChild;
  resolve: (value: Json) => void;
  reject: (reason: unknown) => void;
}

/** The link of one run. */
export class ParentLink implements Remote {
  readonly #underWay = new Map<number, Call>();
  readonly #waiting: Call[] = [];
  readonly #news = new Map<string, string>();
  #calls = 0;
  #notifiedAt = -Infinity;
  #notifyTimer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(
    private readonly run: number,
    private readonly channel: Channel,
  ) {}

  async call(method: string, ...args: unknown[]): Promise<Json> {
    const text = textOf(`The call of ${method}`, args);
    const { run } = this;
    // In the order in which the handler spoke.
    this.#tellNews();
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) return;
      const id = ++this.#calls;
      this.#waiting.push({
        id,
        message: { millrace: 'call', run, call: id, method, args: text },
        resolve,
        reject,
      });
      this.#sendCalls();
    });
  }

  answer(id: number, settled: Settled): void {
    const call = this.#underWay.get(id);
    if (!call) return;
    this.#underWay.delete(id);
    if ('value' in settled) call.resolve(valueOf(settled.value));
    else call.reject(unpackError(settled.error));
    this.#sendCalls();
  }

  notify(method: string, ...args: unknown[]): void {
    const text = textOf(`The notification ${method}`, args);
    if (this.#hasEnded) return;
    this.#news.set(method, text);
    this.#tellNewsInTime();
  }

  /** Tells what was held back; whatever the handler left behind is not heard any more. */
  end(): void {
    this.#tellNews();
    this.#hasEnded = true;
  }

  #sendCalls(): void {
    while (this.#underWay.size < MAX_CALLS) {
      const call = this.#waiting.shift();
      if (!call) return;
      this.#underWay.set(call.id, call);
      this.channel.send(call.message);
    }
  }

  /** Looks at the clock, not only at a timer: a handler that computes lets no timer fire. */
  #tellNewsInTime(): void {
    const waitMs = this.#notifiedAt + NOTIFY_EVERY_MS - performance.now();
    if (waitMs <= 0 && !this.channel.isCongested) this.#tellNews();
    else
      this.#notifyTimer ??= setTimeout(
        () => {
          this.#notifyTimer = undefined;
          if (this.#news.size > 0) this.#tellNewsInTime();
        },
        Math.max(waitMs, NOTIFY_EVERY_MS),
      );
  }

  #tellNews(): void {
    clearTimeout(this.#notifyTimer);
    this.#notifyTimer = undefined;
    if (this.#news.size === 0 || this.#hasEnded) return;
    this.#notifiedAt = performance.now();
    const { run } = this;
    for (const [method, args] of this.#news) this.channel.send({ millrace: 'notify', run, method, args });
    this.#news.clear();
  }
}
