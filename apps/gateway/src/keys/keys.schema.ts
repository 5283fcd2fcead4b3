import { z } from 'zod';
import { ROLES } from '../auth/roles.js';

const role = z
  .enum(ROLES)
  .meta({ description: 'viewer reads, operator also submits and commands, admin also keeps keys.' });

/** Ids of keys are the beginning of their hash: enough to name one, useless to find it. */
const KEY_ID_PATTERN = /^[0-9a-f]{12}$/;
export const KeyId = z.string().regex(KEY_ID_PATTERN, { error: 'must be an id as GET /keys shows it.' });

export const CreateKey = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9_-]{1,64}$/, { error: 'must be 1 to 64 of the characters a-z, 0-9, _ and -.' })
      .meta({ description: 'Shown as the actor of what is done with the key.' }),
    role,
  })
  .meta({ id: 'CreateKey', example: { name: 'nightly-import', role: 'operator' } });
export type CreateKey = z.infer<typeof CreateKey>;

const known = { id: KeyId, name: z.string(), role, created_at: z.string() };

export const KeyView = z.object(known).meta({ id: 'Key' });
export type KeyView = z.infer<typeof KeyView>;

export const KeyList = z.object({ items: z.array(KeyView) }).meta({ id: 'KeyList' });
export type KeyList = z.infer<typeof KeyList>;

export const CreatedKey = z
  .object({ ...known, key: z.string().meta({ description: 'Shown only this once.' }) })
  .meta({ id: 'CreatedKey' });
export type CreatedKey = z.infer<typeof CreatedKey>;

const example: KeyView = {
  id: '3f9a1c0b7d2e',
  name: 'nightly-import',
  role: 'operator',
  created_at: '2026-03-01T09:30:00.000Z',
};

export const keyExamples = {
  list: { items: [example] } satisfies KeyList,
  created: { ...example, key: 'mr_8dJq0v3nT1oXyWc2Zk5bRf7uHs9aLe4G' } satisfies CreatedKey,
};
