import { z } from 'zod';
import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { LEADER_LEASE_SECONDS, buckets } from './topology.js';

/** A queue as it is defined. */
export const queueRecordSchema = z.object({
  name: z.string(),
  /** Who defined it: a worker that serves it, or an operator. */
  defined_by: z.string(),
  /** Where consumers that must be made anew start: no live ticket lies below. Kept by the scheduler. */
  least_ticket: z.int().optional(),
});
export type QueueRecord = z.infer<typeof queueRecordSchema>;

/** What workers can run, as the gateway needs to know it. */
export const handlerRecordSchema = z.object({
  name: z.string(),
  /** Where its tasks go when the submitter names no queue. */
  queue: z.string(),
  description: z.string().optional(),
  /** JSON Schema of the parameters. */
  parameters: z.record(z.string(), z.unknown()).optional(),
  retry: z.record(z.string(), z.unknown()).optional(),
  priority: z.int().optional(),
  soft_time_limit: z.number().optional(),
  time_limit: z.number().optional(),
});
export type HandlerRecord = z.infer<typeof handlerRecordSchema>;

/** An API key; its secret is known only as the SHA-256 that is its key in the bucket. */
export const keyRecordSchema = z.object({
  name: z.string(),
  role: z.enum(['viewer', 'operator', 'admin']),
  created_at: z.string(),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** Who leads a concern. */
export const leaseRecordSchema = z.object({ holder: z.string(), since: z.string() });
export type LeaseRecord = z.infer<typeof leaseRecordSchema>;

export interface Buckets {
  queues: Bucket<QueueRecord>;
  handlers: Bucket<HandlerRecord>;
  keys: Bucket<KeyRecord>;
  leases: Bucket<LeaseRecord>;
}

/** Opens all buckets, making those that are not there. */
export async function openBuckets(connection: NatsConnection): Promise<Buckets> {
  const kvm = new Kvm(connection);
  const open = async <T>(name: string, schema: z.ZodType<T>, ttlSeconds = 0): Promise<Bucket<T>> =>
    new Bucket(await kvm.create(name, { history: 1, ttl: ttlSeconds * 1000 }), schema);
  const [queues, handlers, keys, leases] = await Promise.all([
    open(buckets.queues, queueRecordSchema),
    open(buckets.handlers, handlerRecordSchema),
    open(buckets.keys, keyRecordSchema),
    open(buckets.leases, leaseRecordSchema, LEADER_LEASE_SECONDS),
  ]);
  return { queues, handlers, keys, leases };
}

/** A value and the revision that a conditional update of it expects. */
export interface Entry<T> {
  key: string;
  value: T;
  revision: number;
}

/** A bucket of JSON values of one shape. */
export class Bucket<T> {
  constructor(
    private readonly kv: KV,
    private readonly schema: z.ZodType<T>,
  ) {}

  async get(key: string): Promise<Entry<T> | undefined> {
    const entry = await this.kv.get(key);
    if (entry?.operation !== 'PUT') return undefined;
    return { key, value: this.#parse(entry.string()), revision: entry.revision };
  }

  async entries(): Promise<Entry<T>[]> {
    const keys: string[] = [];
    for await (const key of await this.kv.keys()) keys.push(key);
    const entries = await Promise.all(keys.map((key) => this.get(key)));
    return entries.filter((entry) => entry !== undefined);
  }

  async put(key: string, value: T): Promise<number> {
    return this.kv.put(key, JSON.stringify(value));
  }

  /** False when the key has a value already. */
  async create(key: string, value: T): Promise<boolean> {
    try {
      await this.kv.create(key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  }

  /** The new revision; undefined when somebody else was faster. */
  async update(key: string, value: T, revision: number): Promise<number | undefined> {
    try {
      return await this.kv.update(key, JSON.stringify(value), revision);
    } catch {
      return undefined;
    }
  }

  async delete(key: string): Promise<void> {
    await this.kv.delete(key);
  }

  /**
   * Calls back with all values and then with every change (undefined: deleted), over reconnects.
   *
   * @returns once the values of now have been told; the function stops the watch
   */
  async watch(onChange: (key: string, value: T | undefined) => void): Promise<() => void> {
    const status = await this.kv.status();
    const watch = await this.kv.watch({ ignoreDeletes: false });
    let left = status.values;
    await new Promise<void>((told, failed) => {
      if (left === 0) told();
      void (async () => {
        for await (const entry of watch) {
          onChange(entry.key, entry.operation === 'PUT' ? this.#parse(entry.string()) : undefined);
          if (--left === 0 || entry.delta === 0) told();
        }
      })().catch(failed);
    });
    return () => {
      watch.stop();
    };
  }

  #parse(text: string): T {
    return this.schema.parse(JSON.parse(text));
  }
}
