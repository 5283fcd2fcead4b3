import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const WIDTH = 'scheduler'.length;
const RESET = '\u001b[0m';

/** One colour per speaker, so that an eye can follow one of them through the lines of all. */
const COLOURS: Readonly<Record<string, string>> = {
  gateway: '\u001b[36m',
  worker: '\u001b[32m',
  scheduler: '\u001b[35m',
  projector: '\u001b[34m',
  nats: '\u001b[33m',
  postgres: '\u001b[33m',
};

/** Writes the lines of several speakers to one stream, each under its name. */
export class Output {
  constructor(
    private readonly stream: Writable,
    private readonly hasColours: boolean,
  ) {}

  line(speaker: string, text: string): void {
    const prefix = `${speaker.padEnd(WIDTH)} |`;
    const colour = COLOURS[speaker];
    this.stream.write(
      `${this.hasColours && colour !== undefined ? colour + prefix + RESET : prefix} ${text}\n`,
    );
  }

  /** Text of our own, as it is. */
  plain(text: string): void {
    this.stream.write(`${text}\n`);
  }

  /** Passes on all lines of a child for as long as it speaks. */
  follow(speaker: string, stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      this.line(speaker, line);
    });
  }
}
