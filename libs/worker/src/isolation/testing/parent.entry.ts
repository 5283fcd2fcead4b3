import { fileURLToPath } from 'node:url';
import { createLogger } from '@millrace/runtime';
import { ProcessPool } from '../process-pool.js';

/** A parent that the specs kill: its one child never ends by itself. Tells the child's pid once the handler runs. */
const [, , handler = 'spin'] = process.argv;
const pool = new ProcessPool({
  entry: { file: fileURLToPath(new URL('./handlers.entry.js', import.meta.url)) },
  size: 1,
  logger: createLogger({ app: 'worker', level: 'silent', format: 'json' }),
});
const run = pool.run(
  { handler },
  { call: async () => undefined, notify: (_method, [pid]) => process.send?.([run.pid, pid]) },
);
void run.result.catch(() => undefined);
