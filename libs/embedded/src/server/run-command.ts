import { execFile, type ExecFileException } from 'node:child_process';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  runAs?: { uid: number; gid: number } | undefined;
}

const DEFAULT_TIMEOUT_MS = 120_000;

/** Runs a command to its end and returns what it printed; fails with the line that says most about why. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = {
      cwd: options.cwd ?? '/',
      env: options.env ?? process.env,
      timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.runAs ? { uid: options.runAs.uid, gid: options.runAs.gid } : {}),
    };
    execFile(command, args, settings, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else
        reject(new Error(`${command}: ${tellingLine(stderr) ?? describeFailure(error)}`, { cause: error }));
    });
  });
}

function describeFailure(error: ExecFileException): string {
  if (error.killed === true) return 'it took too long';
  if (typeof error.code === 'number') return `it ended with code ${String(error.code)} and said nothing`;
  return error.code ?? error.message.trim();
}

function tellingLine(stderr: string): string | undefined {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.find((each) => /^(E:|Error|FATAL|initdb: error)/i.test(each)) ?? lines.at(-1);
  return line?.replace(/^E: /, '');
}
