import type { LoggerService } from '@nestjs/common';
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger } from 'pino';

/** One JSON line per entry on stdout, with the app's name; `pretty` for people at a terminal. */
export function createLogger(options: { app: string; level: string; format: 'json' | 'pretty' }): Logger {
  return pino({
    name: options.app,
    level: options.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    ...(options.format === 'pretty' && {
      transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,name', singleLine: true } },
    }),
  });
}

/** Hands each line to a function, as JSON text, and writes it nowhere. */
export const lineLogger = (level: string, onLine: (text: string) => void): Logger =>
  pino({ level, formatters: { level: (name) => ({ level: name }) } }, { write: onLine });

/**
 * A child logger whose lines, and those of its own children, are also handed to `onLine`, each as the JSON text that was written. It must
 * not throw. What is below the level of the logger is not written, and so not handed on.
 */
export function tappedChild(
  logger: Logger,
  bindings: Record<string, unknown>,
  onLine: (text: string) => void,
): Logger {
  const child = logger.child(bindings) as Logger & { [pino.symbols.streamSym]: DestinationStream };
  const stream = child[pino.symbols.streamSym];
  child[pino.symbols.streamSym] = new Proxy(stream, {
    get(target, key) {
      if (key === 'write')
        return (text: string): void => {
          target.write(text);
          onLine(text);
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return child;
}

/** Lets Nest log through pino. What Nest says while it starts is of interest only to its developers. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.logger.debug({ context: context.at(-1) }, String(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    this.logger.error({ context }, String(message));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.logger.warn({ context: context.at(-1) }, String(message));
  }
}
