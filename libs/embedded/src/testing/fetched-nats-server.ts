import { fileURLToPath } from 'node:url';
import { natsServerOfSpecs } from '../config.js';
import { findNatsServer } from '../nats/find-nats-server.js';

const PROJECT_CACHE = fileURLToPath(new URL('../../../../.millrace/bin', import.meta.url));

/** The nats-server the specs run, from the project's own cache: fetched at most once per clone. */
export async function fetchedNatsServer(): Promise<string> {
  return (await findNatsServer({ cacheDir: PROJECT_CACHE, explicitPath: natsServerOfSpecs() })).path;
}
