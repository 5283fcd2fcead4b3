import type { Json, Kind } from '@millrace/domain';
import { BadBodyError } from './errors.js';

/** A body as it was parsed, of whatever version. */
export type Body = Record<string, Json>;

/** `upcasters[1]` makes a version 2 of a version 1, whatever the kind. */
export type Upcasters = Readonly<Record<number, (kind: Kind, body: Body) => Body>>;

/**
 * Lifts a body version by version to the newest: only that shape is known inside.
 *
 * @throws BadBodyError when its version is none that was ever written, or newer than this process
 */
export function lift(kind: Kind, body: Body, newest: number, upcasters: Upcasters): Body {
  let current = body;
  while (current.v !== newest) {
    const { v } = current;
    const upcaster = typeof v === 'number' && v < newest ? upcasters[v] : undefined;
    if (typeof v !== 'number' || !upcaster)
      throw new BadBodyError(
        `The version ${JSON.stringify(v)} of a body is unknown here, the newest is ${newest}.`,
      );
    current = { ...upcaster(kind, current), v: v + 1 };
  }
  return current;
}
