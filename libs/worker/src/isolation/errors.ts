import type { ProcessEnd } from './child-program.js';

const MIB = 1024 * 1024;

/** Why an isolated attempt failed: its process held more memory than it may, and was killed. */
export class MemoryLimitExceeded extends Error {
  override readonly name = 'MemoryLimitExceeded';

  constructor(
    /** Resident memory when it was last looked at; undefined when V8 gave up first. */
    readonly usedBytes: number | undefined,
    readonly limitBytes: number,
  ) {
    const used = usedBytes === undefined ? 'ran out of heap' : `held ${Math.ceil(usedBytes / MIB)} MiB`;
    super(`The handler's process ${used}; at most ${Math.floor(limitBytes / MIB)} MiB are allowed.`);
  }
}

/** Why an isolated attempt failed: its process ended before its handler did. The last lines of stderr are in the message. */
export class HandlerProcessDied extends Error {
  override readonly name = 'HandlerProcessDied';
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;

  constructor(
    readonly pid: number | undefined,
    end: ProcessEnd,
    lastLines: readonly string[],
  ) {
    super(withLines(`The handler's process ended with ${nameOf(end)}`, lastLines));
    this.exitCode = end.code ?? undefined;
    this.signal = end.signal ?? undefined;
  }
}

/** A process for handlers could not be started; no handler ran. The last lines of its stderr are in the message. */
export class HandlerProcessStartError extends Error {
  override readonly name = 'HandlerProcessStartError';

  constructor(what: string, lastLines: readonly string[], options?: ErrorOptions) {
    super(withLines(`A process for handlers could not be started: ${what}`, lastLines), options);
  }
}

/** The end of a process in words. */
export function nameOf({ code, signal }: ProcessEnd): string {
  return signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
}

function withLines(sentence: string, lines: readonly string[]): string {
  if (lines.length === 0) return `${sentence}.`;
  return [`${sentence}; its last lines:`, ...lines.map((line) => `  ${line}`)].join('\n');
}
