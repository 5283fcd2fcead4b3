import { join } from 'node:path';
import { runCommand } from '../../server/run-command.js';
import type { FetchWay } from '../fetch-way.js';
import { findPrograms, isExecutable } from '../search-path.js';

const BREW_FOLDERS = ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin'];
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Takes Homebrew's package, installing it when it is not there yet. */
export const homebrew: FetchWay = {
  source: 'homebrew',
  title: 'Homebrew',

  async fetch({ log, signal }) {
    const [brew] = await findPrograms('brew', BREW_FOLDERS);
    if (brew === undefined) throw new Error('it is not installed');
    const prefix = (await runCommand(brew, ['--prefix', 'nats-server'])).trim();
    const program = join(prefix, 'bin', 'nats-server');
    if (!(await isExecutable(program))) {
      log('Installing nats-server with brew install nats-server ...');
      await runCommand(brew, ['install', 'nats-server'], { signal, timeoutMs: INSTALL_TIMEOUT_MS });
    }
    return program;
  },
};
