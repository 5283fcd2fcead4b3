import { Injectable } from '@nestjs/common';
import { ApiKeys } from '../auth/api-keys.js';
import type { KnownKey } from '../auth/api-keys.js';
import { ProblemError } from '../http/problem.js';
import { LogGate } from '../log/log-gate.js';
import type { CreateKey, CreatedKey, KeyView } from './keys.schema.js';

const ID_CHARACTERS = 12;

/** Keeps the keys in order: names are unique, and somebody can always get in. */
@Injectable()
export class Keys {
  constructor(
    private readonly keys: ApiKeys,
    private readonly gate: LogGate,
  ) {}

  list(): KeyView[] {
    return this.keys
      .all()
      .map(viewOf)
      .sort((a, b) => a.created_at.localeCompare(b.created_at));
  }

  async create({ name, role }: CreateKey): Promise<CreatedKey> {
    await this.gate.pass();
    if (this.keys.all().some((key) => key.name === name))
      throw new ProblemError(
        'key/already-exists',
        `There is a key with the name "${name}". Choose another one.`,
      );
    const { key, ...known } = await this.keys.issue({ name, role });
    return { ...viewOf(known), key };
  }

  async delete(id: string): Promise<void> {
    await this.gate.pass();
    const all = this.keys.all();
    const key = all.find(({ hash }) => hash.startsWith(id));
    if (!key) throw new ProblemError('key/not-found', `There is no key with the id ${id}.`);
    if (key.role === 'admin' && all.filter(({ role }) => role === 'admin').length === 1)
      throw new ProblemError(
        'key/last-admin',
        `"${key.name}" is the last admin key: without it nobody could make another. Create one first.`,
      );
    await this.keys.revoke(key.hash);
  }
}

const viewOf = ({ hash, name, role, created_at }: KnownKey): KeyView => ({
  id: hash.slice(0, ID_CHARACTERS),
  name,
  role,
  created_at,
});
