import { join } from 'node:path';
import { runCommand } from '../../server/run-command.js';
import type { FetchWay } from '../fetch-way.js';
import { findPrograms } from '../search-path.js';

const MODULE = 'github.com/nats-io/nats-server/v2@v2.15.1';
const BUILD_TIMEOUT_MS = 10 * 60_000;

/** Builds the server with Go; the module proxy's checksum database vouches for the source. */
export const goInstall: FetchWay = {
  source: 'go',
  title: 'go install',

  async fetch({ workDir, log, signal }) {
    const [go] = await findPrograms('go', ['/usr/local/go/bin']);
    if (go === undefined) throw new Error('Go is not installed');
    log(`Building nats-server with ${go} install ${MODULE} (about a minute) ...`);
    await runCommand(go, ['install', MODULE], {
      cwd: workDir,
      env: { ...process.env, GOBIN: workDir },
      signal,
      timeoutMs: BUILD_TIMEOUT_MS,
    });
    return join(workDir, 'nats-server');
  },
};
