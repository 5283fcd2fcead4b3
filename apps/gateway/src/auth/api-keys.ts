import { hash, randomBytes } from 'node:crypto';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { TaskLog } from '@millrace/log';
import type { KeyRecord } from '@millrace/log';
import type { Logger } from '@millrace/runtime';
import { CONFIG, LOGGER } from '../gateway.constants.js';
import type { GatewayConfig } from '../config.js';
import type { Caller } from './roles.js';

/** A key as the bucket has it: by its hash. */
export interface KnownKey extends KeyRecord {
  hash: string;
}

/** The API keys, watched into memory: a request costs one hash and one look-up, and authentication works while the log is away. */
@Injectable()
export class ApiKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #keys = new Map<string, KnownKey>();
  readonly #listeners: ((hash: string) => void)[] = [];
  #stop: (() => void) | undefined;

  constructor(
    private readonly log: TaskLog,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#stop = await this.log.buckets.keys.watch((hash, record) => {
      this.#know(hash, record && { hash, ...record });
    });
    await this.#ensureFirstKey();
  }

  onApplicationShutdown(): void {
    this.#stop?.();
  }

  /** Who holds the key; undefined when nobody does. */
  find(key: string): Caller | undefined {
    return this.#keys.get(hashOf(key));
  }

  /** Whether the key is still there, in the same role. */
  isAsEver({ hash, role }: Caller): boolean {
    return hash === undefined || this.#keys.get(hash)?.role === role;
  }

  /** Calls it with the hash of each key that was deleted or has another role, at whichever gateway. */
  onChanged(listener: (hash: string) => void): void {
    this.#listeners.push(listener);
  }

  all(): KnownKey[] {
    return [...this.#keys.values()];
  }

  /** Makes a key and keeps its hash. It can never be read again. */
  async issue(record: Pick<KeyRecord, 'name' | 'role'>): Promise<{ key: string } & KnownKey> {
    const key = `mr_${randomBytes(24).toString('base64url')}`;
    return { key, ...(await this.#keep(key, record)) };
  }

  async revoke(hash: string): Promise<void> {
    await this.log.buckets.keys.delete(hash);
    this.#know(hash, undefined);
  }

  #know(hash: string, key: KnownKey | undefined): void {
    const before = this.#keys.get(hash);
    if (key) this.#keys.set(hash, key);
    else this.#keys.delete(hash);
    if (before && before.role !== key?.role) for (const listener of this.#listeners) listener(hash);
  }

  async #keep(key: string, record: Pick<KeyRecord, 'name' | 'role'>): Promise<KnownKey> {
    const hash = hashOf(key);
    const kept = { ...record, created_at: new Date().toISOString() };
    await this.log.buckets.keys.create(hash, kept);
    const known = { hash, ...kept };
    this.#know(hash, known);
    return known;
  }

  async #ensureFirstKey(): Promise<void> {
    const given = this.config.MILLRACE_ADMIN_KEY;
    if (given !== undefined && !this.find(given)) await this.#keep(given, { name: 'admin', role: 'admin' });
    if (this.#keys.size > 0 || this.config.MILLRACE_AUTH === 'off') return;
    const { key } = await this.issue({ name: 'admin', role: 'admin' });
    this.logger.info({ key }, 'Admin key made; it is shown only this once');
  }
}

const hashOf = (key: string): string => hash('sha256', key);
