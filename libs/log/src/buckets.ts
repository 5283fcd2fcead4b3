import { StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { KV, KvOptions } from '@nats-io/kv';
import type { AlertRule } from '@millrace/domain';
import type { NatsConnection } from '@nats-io/transport-node';
import type { z } from 'zod';
import { alertRecordSchema, alertRuleRecordSchema, webhookRecordSchema } from './alert-records.js';
import type { AlertRecord, WebhookRecord } from './alert-records.js';
import { answered, unlessRefused } from './answered.js';
import {
  handlerRecordSchema,
  keyRecordSchema,
  leaseRecordSchema,
  operationRecordSchema,
  queueRecordSchema,
  rebuildRecordSchema,
  uniqueRecordSchema,
  slotRecordSchema,
  workerRecordSchema,
} from './bucket-records.js';
import type {
  HandlerRecord,
  KeyRecord,
  LeaseRecord,
  QueueRecord,
  UniqueRecord,
  OperationRecord,
  RebuildRecord,
  SlotRecord,
  WorkerRecord,
} from './bucket-records.js';
import { AmbiguousConflictError, conditionHeaders } from './appender.js';
import type { Appender } from './appender.js';
import { BadBodyError, ConcurrencyError, LogUnavailableError, ServerCode } from './errors.js';
import type { Follower } from './follower.js';
import type { Followers } from './followers.js';
import type { Requests, StoredMessage } from './requests.js';
import {
  ALERT_DAYS,
  LEADER_LEASE_SECONDS,
  OPERATION_DAYS,
  PRESENCE_SECONDS,
  bucketStream,
  buckets,
} from './topology.js';

export interface Buckets {
  queues: Bucket<QueueRecord>;
  handlers: Bucket<HandlerRecord>;
  keys: Bucket<KeyRecord>;
  leases: Bucket<LeaseRecord>;
  slots: Bucket<SlotRecord>;
  workers: Bucket<WorkerRecord>;
  unique: Bucket<UniqueRecord>;
  operations: Bucket<OperationRecord>;
  alerts: Bucket<AlertRecord>;
  alertRules: Bucket<AlertRule>;
  webhooks: Bucket<WebhookRecord>;
  rebuilds: Bucket<RebuildRecord>;
}

/** Opens all buckets, making those that are not there. */
export async function openBuckets(
  connection: NatsConnection,
  requests: Requests,
  followers: Followers,
  appender: Appender,
  replicas: number,
): Promise<Buckets> {
  const kvm = new Kvm(connection);
  const open = async <T>(
    name: string,
    schema: z.ZodType<T>,
    options: Partial<KvOptions> = {},
  ): Promise<Bucket<T>> => {
    const kv = await kvm.create(name, { history: 1, replicas, ...options });
    return new Bucket(name, kv, schema, requests, followers, appender);
  };
  const [alerts, alertRules, webhooks] = await Promise.all([
    open(buckets.alerts, alertRecordSchema, { ttl: ALERT_DAYS * DAY_MS }),
    open(buckets.alertRules, alertRuleRecordSchema),
    open(buckets.webhooks, webhookRecordSchema),
  ]);
  const [queues, handlers, keys, leases, slots, workers, unique, operations, rebuilds] = await Promise.all([
    open(buckets.queues, queueRecordSchema),
    open(buckets.handlers, handlerRecordSchema),
    open(buckets.keys, keyRecordSchema),
    open(buckets.leases, leaseRecordSchema, { ttl: LEADER_LEASE_SECONDS * 1000 }),
    open(buckets.slots, slotRecordSchema),
    open(buckets.workers, workerRecordSchema, PRESENCE),
    open(buckets.unique, uniqueRecordSchema),
    open(buckets.operations, operationRecordSchema, { ttl: OPERATION_DAYS * DAY_MS }),
    open(buckets.rebuilds, rebuildRecordSchema),
  ]);
  const ofAlerts = { alerts, alertRules, webhooks };
  return { queues, handlers, keys, leases, slots, workers, unique, operations, rebuilds, ...ofAlerts };
}

/** Makes the buckets anew that a broker without peers forgets when it restarts. */
export async function makeMemoryBuckets(connection: NatsConnection, replicas: number): Promise<void> {
  await new Kvm(connection).create(buckets.workers, { history: 1, replicas, ...PRESENCE });
}

const DAY_MS = 24 * 3600 * 1000;
const PRESENCE: Partial<KvOptions> = { ttl: PRESENCE_SECONDS * 1000, storage: StorageType.Memory };

/** A value and the revision that a conditional update of it expects. */
export interface Entry<T> {
  key: string;
  value: T;
  revision: number;
}

/** A bucket of JSON values of one shape. Every method but `watch` fails with LogUnavailableError when the broker does not answer. */
export class Bucket<T> {
  readonly #stream: string;
  readonly #prefix: string;

  constructor(
    name: string,
    private readonly kv: KV,
    private readonly schema: z.ZodType<T>,
    private readonly requests: Requests,
    private readonly followers: Followers,
    private readonly appender: Appender,
  ) {
    ({ stream: this.#stream, prefix: this.#prefix } = bucketStream(name));
  }

  /** @throws BadBodyError when the value is not of the shape */
  async get(key: string): Promise<Entry<T> | undefined> {
    const entry = await answered(() => this.kv.get(key));
    if (entry?.operation !== 'PUT') return undefined;
    return { key, value: this.#parse(key, entry.string()), revision: entry.revision };
  }

  /** All entries, in the order of their last change. Those that are not of the shape are left out. */
  async entries(): Promise<Entry<T>[]> {
    const entries: Entry<T>[] = [];
    for (let from = 1; ;) {
      const batch = { seq: from, next_by_subj: `${this.#prefix}>`, batch: ENTRIES_AT_ONCE };
      const messages = await this.requests.batch(this.#stream, batch);
      for (const message of messages) {
        const entry = this.#read(message);
        if (entry?.value !== undefined) entries.push({ ...entry, value: entry.value });
      }
      const last = messages.at(-1);
      if (!last) return entries;
      from = last.sequence + 1;
    }
  }

  /** Resolves with the new revision. */
  put(key: string, value: T): Promise<number> {
    return answered(() => this.kv.put(key, JSON.stringify(value)));
  }

  /** False when the key has a value already. */
  async create(key: string, value: T): Promise<boolean> {
    return (await this.replace(key, value, undefined)) !== undefined;
  }

  /** The new revision; undefined when somebody else was faster. */
  async update(key: string, value: T, revision: number): Promise<number | undefined> {
    const subject = this.#prefix + key;
    const headers = conditionHeaders(revision, subject);
    try {
      // Slots are written hundreds of times a second: the client's own way costs several times as much.
      const write = { subject, headers, payload: JSON.stringify(value) };
      return await this.appender.append(write, revision, { deadlineMs: UPDATE_WITHIN_MS });
    } catch (error) {
      if (error instanceof AmbiguousConflictError)
        throw new LogUnavailableError('The update was sent twice, and may have been stored.', {
          cause: error,
        });
      if (error instanceof ConcurrencyError) return undefined;
      throw error;
    }
  }

  /** As {@link update}; without a revision the key must have no value. */
  replace(key: string, value: T, revision: number | undefined): Promise<number | undefined> {
    if (revision !== undefined) return this.update(key, value, revision);
    return unlessRefused(RACED, () => this.kv.create(key, JSON.stringify(value)));
  }

  delete(key: string): Promise<void> {
    return answered(() => this.kv.delete(key));
  }

  /** Deletes a value that is still of this revision; false when somebody else was faster. */
  async deleteRevision(key: string, revision: number): Promise<boolean> {
    const deletion = async (): Promise<boolean> => {
      await this.kv.delete(key, { previousSeq: revision });
      return true;
    };
    return (await unlessRefused(RACED, deletion)) ?? false;
  }

  /**
   * Calls back with all values and then with every change (undefined: deleted), over reconnects. A value that expires is not told, one
   * that is not of the shape is passed over.
   *
   * @returns once the values of now have been told; the function stops the watch
   */
  async watch(
    onChange: (key: string, value: T | undefined) => void,
    onError?: (error: unknown) => void,
  ): Promise<() => void> {
    let follower: Follower | undefined;
    await new Promise<void>((told) => {
      follower = this.followers.follow({
        stream: this.#stream,
        from: 1,
        filters: [`${this.#prefix}>`],
        onMessages: (messages) => {
          for (const message of messages) {
            const entry = this.#read(message);
            if (entry) onChange(entry.key, entry.value);
          }
        },
        onCaughtUp: told,
        ...(onError && { onError }),
      });
    });
    return () => void follower?.stop();
  }

  /** Undefined when the value is not of the shape: one careless `nats kv put` must not end a watch. */
  #read(message: StoredMessage): { key: string; value: T | undefined; revision: number } | undefined {
    const key = message.subject.slice(this.#prefix.length);
    // A deletion is a message without a body.
    if (message.payload === '') return { key, value: undefined, revision: message.sequence };
    try {
      return { key, value: this.#parse(key, message.payload), revision: message.sequence };
    } catch {
      return undefined;
    }
  }

  #parse(key: string, text: string): T {
    try {
      return this.schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new BadBodyError(`The value of ${this.#prefix}${key} is not of its shape.`, { cause });
    }
  }
}

const ENTRIES_AT_ONCE = 1_000;
const UPDATE_WITHIN_MS = 5_000;

/** Codes of a conditional write that lost. */
const RACED: ReadonlySet<number> = new Set([ServerCode.wrongLastSequence, ServerCode.writeInFlight]);
