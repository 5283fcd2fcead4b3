import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants, gunzip, gzip } from 'node:zlib';
import type { BrotliOptions } from 'node:zlib';

/** One way to compress a chunk. Both directions run on threads, so the event loop is free meanwhile. */
export interface Codec {
  /** Ending of a part's name. */
  extension: string;
  compress: (chunk: Buffer) => Promise<Buffer>;
  decompress: (part: Buffer) => Promise<Buffer>;
}

/** The best ones cost ten times the time for a few percent. */
const BROTLI_QUALITY = 5;
const brotli = promisify<Buffer, BrotliOptions, Buffer>(brotliCompress);

export const CODECS = {
  gzip: {
    extension: 'gz',
    compress: promisify<Buffer, Buffer>(gzip),
    decompress: promisify<Buffer, Buffer>(gunzip),
  },
  brotli: {
    extension: 'br',
    compress: (chunk) => brotli(chunk, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
    decompress: promisify<Buffer, Buffer>(brotliDecompress),
  },
} as const satisfies Record<string, Codec>;
