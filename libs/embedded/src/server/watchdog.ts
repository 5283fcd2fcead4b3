import { spawn } from 'node:child_process';

/**
 * The script waits on its standard input, which closes when this process ends in whatever way, kill -9 included.
 * A zombie that nobody collects, as in a container without an init, counts as ended.
 * A pipe works on every POSIX system; PR_SET_PDEATHSIG would be Linux only and is lost with a change of user.
 */
const SCRIPT = `
lives() { kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; }
read -r _
[ "$2" = none ] || kill -s "$2" "$1" || exit 0
for _ in $(seq "$3"); do
  lives "$1" || exit 0
  sleep 1
done
kill -s KILL "$1"`;

const DEFAULT_GRACE_SECONDS = 20;

/**
 * Sees to it that a child does not outlive this process: a small shell sends the signal when we are gone, and
 * SIGKILL when the child still lives after the grace. Returns what ends the watch; call it once the child has ended.
 */
export function watchOver(
  pid: number,
  signal: 'TERM' | 'INT' | 'none',
  graceSeconds = DEFAULT_GRACE_SECONDS,
): () => void {
  const watchdog = spawn(
    '/bin/sh',
    ['-c', SCRIPT, 'millrace-watchdog', String(pid), signal, String(graceSeconds)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Its own session: a Ctrl-C in the terminal must not end the watch before the watched.
      detached: true,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    },
  );
  // Without /bin/sh there is no watch; the next start then finds the orphan by the record in its data folder.
  watchdog.on('error', () => undefined);
  watchdog.stdin.on('error', () => undefined);
  watchdog.unref();
  (watchdog.stdin as unknown as { unref(): void }).unref();
  return () => {
    watchdog.kill('SIGKILL');
  };
}
