import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

/**
 * Loaded into an app by `--import`: profiles it from its first line and writes the profile when it ends. Node 20 does not take
 * `--cpu-prof` from NODE_OPTIONS, which is the only way past a spawned main.
 */
const file = process.env.MILLRACE_BENCH_PROFILE;
if (file !== undefined) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    // A session in its own process answers before it returns.
    session.post('Profiler.stop', (error, { profile }) => {
      if (!error) writeFileSync(file, JSON.stringify(profile));
    });
  });
}
