import { stat } from 'node:fs/promises';
import { runCommand } from '../server/run-command.js';
import { EmbeddedServerError } from '../server/errors.js';

/** The system user a program runs as. */
export interface RunAs {
  uid: number;
  gid: number;
}

/** Users without rights of their own that systems bring along; the first is Postgres' own, where it is installed. */
const UNPRIVILEGED_USERS = ['postgres', 'nobody'];

/**
 * Whom Postgres runs as: undefined means as ourselves. Postgres refuses root, so root lends it another user: the
 * owner of the cluster where there is one, else one of the users every system has. None is created.
 */
export async function chooseUser(cluster: string): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(cluster).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of UNPRIVILEGED_USERS) {
    const found = await lookUp(name).catch(() => undefined);
    if (found) return found;
  }
  throw new EmbeddedServerError(
    `Postgres refuses to run as root, and this system has none of the users ${UNPRIVILEGED_USERS.join(', ')}: ` +
      'run Millrace as another user, or set DATABASE_URL.',
  );
}

async function lookUp(name: string): Promise<RunAs | undefined> {
  const uid = Number(await runCommand('id', ['-u', name]));
  const gid = Number(await runCommand('id', ['-g', name]));
  return uid > 0 ? { uid, gid } : undefined;
}
