import { hostname } from 'node:os';

/** A new id at each start: whoever asks for a dead process gets no answer. */
export const newWorkerId = (name = hostname()): string =>
  `${name.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 40)}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
