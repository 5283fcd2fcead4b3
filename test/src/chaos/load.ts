import { setTimeout as sleep } from 'node:timers/promises';
import type { AppendLine } from '../system/chaos-handlers.js';
import type { Answer, ApiClient, BulkResult, Submission } from '../system/api-client.js';
import type { Order, Told } from '../audit/orders.js';
import type { TaskWatch } from '../audit/task-watch.js';
import type { Dice } from './dice.js';

/** A task as a mix throws it. */
export interface Wish {
  params: AppendLine;
  delaySeconds?: number | undefined;
  /** Not before this time, in milliseconds since the epoch. */
  eta?: number;
  /** Not started later than this after its submission. */
  expiresInMs?: number;
  /** To be cancelled so long after it was accepted. */
  cancelAfterMs?: number;
  queue?: string;
  priority?: number;
  /** Its concurrency key. */
  key?: string;
}

const MAX_RETRIES = 3;
/** The default waits for seconds, longer each time, and every scenario with it. */
const RETRY = { max_retries: MAX_RETRIES, delay_seconds: 0.5, backoff_factor: 1 };
/** What nobody answered is asked again after so long, or let be. */
const ASK_AGAIN_MS = 500;
const PAUSE_MS = 20;
const BULK = { least: 50, most: 400 };

/** Submits and cancels over HTTP as clients do, and keeps book of what it was told. */
export class Load {
  readonly orders: Order[] = [];
  readonly #cancels = new Set<Promise<void>>();
  #next = 0;

  constructor(
    private readonly api: ApiClient,
    private readonly dice: Dice,
    /** In front of every id. */
    private readonly prefix: string,
    /** Takes note of the concurrency key of each task. */
    private readonly keys = new Map<string, string>(),
  ) {}

  /** What was accepted, or may have been. */
  accepted(): string[] {
    return this.orders.filter((order) => order.submitted === 'yes').map((order) => order.taskId);
  }

  /** Keeps so many tasks unfinished until it is stopped, in bulk and one by one. */
  async feed(
    watch: TaskWatch,
    unfinished: number,
    mix: (dice: Dice) => Wish,
    stop: AbortSignal,
  ): Promise<void> {
    while (!stop.aborted) {
      if (watch.open >= unfinished) {
        await sleep(PAUSE_MS);
        continue;
      }
      const missing = Math.min(BULK.most, Math.max(BULK.least, unfinished - watch.open));
      const wishes = Array.from({ length: missing }, () => mix(this.dice));
      await Promise.all([this.submitAll(wishes), this.submit(mix(this.dice)), this.submit(mix(this.dice))]);
    }
    await Promise.all(this.#cancels);
  }

  /** One task by one request, asked again, or not, when there is no answer. */
  async submit(wish: Wish): Promise<Order> {
    const order = this.#order(wish);
    for (;;) {
      const answer = await this.api.submit(submissionOf(order, wish));
      if (answer.status === 202 || answer.status === 200) this.#accepted(order, wish);
      else this.#refused(order, answer);
      if (order.submitted !== 'unknown' || this.dice.chance(0.5)) return order;
      await sleep(ASK_AGAIN_MS);
    }
  }

  /** Many tasks by one request. */
  async submitAll(wishes: Wish[]): Promise<Order[]> {
    const orders = wishes.map((wish) => this.#order(wish));
    const answer = await this.api.submitAll(orders.map((order, at) => submissionOf(order, wishes[at]!)));
    orders.forEach((order, at) => {
      const result: BulkResult | undefined = answer.status === 202 ? answer.body.results[at] : undefined;
      if (result && 'task_id' in result) this.#accepted(order, wishes[at]!);
      else if (result && result.error.code !== 'log/unavailable') order.submitted = 'no';
      else if (!result) this.#refused(order, answer);
    });
    return orders;
  }

  /** Cancels a task and notes what came of it. */
  async cancel(order: Order): Promise<Answer<unknown>> {
    const answer = await this.api.cancel(order.taskId);
    order.cancelled = answer.status === 200 ? 'yes' : toldBy(answer);
    return answer;
  }

  /** Resolves when no cancel is under way any more. */
  async quiet(): Promise<void> {
    while (this.#cancels.size > 0) await Promise.all(this.#cancels);
  }

  #order({ params, delaySeconds, eta, expiresInMs, key }: Wish): Order {
    const notBefore = eta ?? (delaySeconds === undefined ? undefined : Date.now() + delaySeconds * 1000);
    const order: Order = {
      taskId: `${this.prefix}-${this.#next++}`,
      params,
      maxRetries: MAX_RETRIES,
      submitted: 'unknown',
      ...(notBefore !== undefined && { notBefore }),
      ...(expiresInMs !== undefined && { notAfter: Date.now() + expiresInMs }),
    };
    this.orders.push(order);
    if (key !== undefined) this.keys.set(order.taskId, key);
    return order;
  }

  #accepted(order: Order, { cancelAfterMs }: Wish): void {
    order.submitted = 'yes';
    if (cancelAfterMs === undefined || order.cancelled !== undefined) return;
    order.cancelled = 'unknown';
    const cancel = sleep(cancelAfterMs)
      .then(() => this.cancel(order))
      .then(() => {
        this.#cancels.delete(cancel);
      });
    this.#cancels.add(cancel);
  }

  #refused(order: Order, answer: Answer<unknown>): void {
    // Asked again after its expiry it is refused, whatever became of it before.
    order.submitted = Date.now() > (order.notAfter ?? Infinity) ? 'unknown' : toldBy(answer);
    if (order.submitted === 'no')
      throw new Error(`A submission was refused: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

/** Without an answer, with a 503 and with a race that was lost, it may have happened or happen yet. */
function toldBy({ status }: Answer<unknown>): Told {
  return status === 0 || status === 503 || status === 409 ? 'unknown' : 'no';
}

const submissionOf = (order: Order, { delaySeconds, eta, queue, priority, key }: Wish): Submission => ({
  task_name: 'append_line',
  task_id: order.taskId,
  parameters: order.params,
  retry: RETRY,
  ...(queue !== undefined && { queue }),
  ...(priority !== undefined && { priority }),
  ...(key !== undefined && { concurrency_key: key }),
  ...(delaySeconds !== undefined && { delay_seconds: delaySeconds }),
  ...(eta !== undefined && { eta: new Date(eta).toISOString() }),
  ...(order.notAfter !== undefined && { expires_at: new Date(order.notAfter).toISOString() }),
});
