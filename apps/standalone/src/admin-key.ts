import { randomBytes } from 'node:crypto';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StandaloneConfig } from './config.js';
import { natsDir } from './servers.js';

/** The admin key of this start. */
export interface AdminKey {
  /** For the gateway, which stores only its hash; undefined when it has one from an earlier start. */
  key: string | undefined;
  /** To be shown: only a key we made ourselves, and only on the first start. */
  shown: string | undefined;
  /** Notes that the first start is over; to be called once the gateway has stored the key. */
  remember(): Promise<void>;
}

/** The operator's key where one is set, else a generated one on the first start, else none. */
export async function provideAdminKey(config: StandaloneConfig): Promise<AdminKey> {
  // Beside the store that holds the keys: who removes that store gets a new key with the new one.
  const dir = config.nats.kind === 'embedded' ? natsDir(config) : config.dataDir;
  const marker = join(dir, 'admin-key-issued');
  const isFirstStart = await access(marker).then(
    () => false,
    () => true,
  );
  const generated = isFirstStart && config.adminKey === undefined ? generateKey() : undefined;
  return {
    key: config.adminKey ?? generated,
    shown: generated,
    async remember() {
      await mkdir(dir, { recursive: true });
      await writeFile(marker, '');
    },
  };
}

function generateKey(): string {
  return `mr_${randomBytes(24).toString('base64url')}`;
}
