import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { ExportedFact } from '@millrace/read-model';

/** A line for a fact. Its data is JSON already. */
export const lineOf = ({ sequence, event_id, data, ...rest }: ExportedFact): string =>
  `${JSON.stringify({ sequence, id: event_id, ...rest }).slice(0, -1)},"data":${data}}\n`;

/** Pages of lines as an answer: each is made when the one before has gone out, and none when the client has gone. */
export const ndjson = (pages: AsyncIterable<string>, name: string): StreamableFile =>
  new StreamableFile(Readable.from(pages, { objectMode: false, highWaterMark: 1 }), {
    type: 'application/x-ndjson',
    disposition: `attachment; filename="${name}.ndjson"`,
  });
