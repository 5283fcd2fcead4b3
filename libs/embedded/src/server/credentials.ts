import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Credentials {
  user: string;
  password: string;
}

/** The generated login of an embedded server: made on the first start, then kept beside its data, for us alone. */
export async function loadOrCreateCredentials(dir: string, user: string): Promise<Credentials> {
  const file = join(dir, 'credentials.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Credentials;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const credentials = { user, password: randomBytes(24).toString('base64url') };
  await mkdir(dir, { recursive: true });
  await writeFile(file, JSON.stringify(credentials), { mode: 0o600 });
  return credentials;
}
