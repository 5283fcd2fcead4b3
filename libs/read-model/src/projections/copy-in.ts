import pg from 'pg';
import type { Client, Connection } from 'pg';

/** A COPY from the client, and all of its data. */
export interface Copy {
  /** `COPY … FROM STDIN (FORMAT binary)` */
  text: string;
  rows: Buffer;
}

const LENGTH_BYTES = 4;
const COPY_DONE = Buffer.from('c\0\0\0\x04', 'latin1');

/** Copies rows into a table: Postgres takes them a page at a time, not one by one. Fails as a whole. */
export const copyIn = (client: Client, { text, rows }: Copy): Promise<void> =>
  new Promise((resolve, reject) => {
    client.query(
      new CopyQuery(text, rows, (error?: Error | null) => {
        if (error) reject(error);
        else resolve();
      }),
    );
  });

/** A query of the driver that has an answer when Postgres asks for the data. */
class CopyQuery extends pg.Query {
  /** Private to the language: the driver has fields of its own, such as `rows`. */
  readonly #data: Buffer;

  constructor(text: string, data: Buffer, done: (error?: Error | null) => void) {
    super(text, done);
    this.#data = data;
  }

  /** The driver calls it; its types do not say so. */
  handleCopyInResponse({ stream }: Connection): void {
    const head = Buffer.from('d\0\0\0\0', 'latin1');
    head.writeUInt32BE(LENGTH_BYTES + this.#data.length, 1);
    stream.cork();
    stream.write(head);
    stream.write(this.#data);
    stream.write(COPY_DONE);
    stream.uncork();
  }
}
