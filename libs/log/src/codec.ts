import { z } from 'zod';
import type { Fact, Kind, TaskEvent } from '@millrace/domain';
import { BODY_VERSION, dataSchemas, envelopeSchema } from './bodies.js';
import { BadBodyError } from './errors.js';
import { parseSubject } from './topology.js';
import { lift } from './upcast.js';
import type { Body, Upcasters } from './upcast.js';

/** What the writer of a fact adds to the event. */
export interface Stamp {
  id: string;
  prev: number;
  at: string;
  actor: string;
}

/** There is one version so far. */
const upcasters: Upcasters = {};

const schemas = Object.fromEntries(
  Object.entries(dataSchemas).map(([kind, data]) => [
    kind,
    z.object({ ...envelopeSchema.shape, ...data.shape }),
  ]),
) as unknown as Record<Kind, z.ZodType<Stamp & Record<string, unknown>>>;

/** The body of a fact as it is written. */
export const encodeFact = (event: TaskEvent, { id, prev, at, actor }: Stamp): string =>
  JSON.stringify({ v: BODY_VERSION, id, prev, at, actor, ...event.data });

/**
 * Reads a message of the log as a fact.
 *
 * @returns undefined when the subject is not that of a fact
 * @throws BadBodyError when the body is not what the kind promises
 */
export function decodeFact(subject: string, sequence: number, payload: string): Fact | undefined {
  const parsed = parseSubject(subject);
  if (parsed.type !== 'fact') return undefined;
  return factOf(parsed, sequence, payload);
}

/** Reads a body whose place is already known. */
export function factOf(
  place: { queue: string; task_id: string; kind: Kind },
  sequence: number,
  payload: string,
): Fact {
  const { kind, queue, task_id } = place;
  const { v: _v, id, prev, at, actor, ...data } = checked(kind, parse(payload), sequence);
  return { kind, data, queue, task_id, sequence, id, prev, at, actor } as unknown as Fact;
}

/** A fired timer: the `scheduled` fact that it serves, whole, so that a worker needs no further read. */
export interface DueTicket {
  after: number;
  wait: Fact;
}

/** The body of a timer: that of the wait it serves, and the wait's sequence. */
export const encodeTimer = (wait: Fact): string =>
  JSON.stringify({ after: wait.sequence, ...(JSON.parse(encodeFact(wait, wait)) as Body) });

/** @throws BadBodyError when it is not the body of one of our timers */
export function decodeDue(
  task: { queue: string; task_id: string },
  sequence: number,
  payload: string,
): DueTicket {
  const { after } = parse(payload);
  if (typeof after !== 'number')
    throw new BadBodyError(`The fired timer ${sequence} does not name its wait.`);
  return { after, wait: factOf({ ...task, kind: 'scheduled' }, after, payload) };
}

function parse(payload: string): Body {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value === 'object' && value !== null) return value as Body;
  } catch {
    // Told below, with what was found.
  }
  throw new BadBodyError(`Not a JSON object: ${payload.slice(0, 80)}`);
}

function checked(kind: Kind, body: Body, sequence: number): Stamp & Record<string, unknown> {
  const result = schemas[kind].safeParse(lift(kind, body, BODY_VERSION, upcasters));
  if (!result.success) throw new BadBodyError(`The ${kind} ${sequence}: ${z.prettifyError(result.error)}`);
  return result.data;
}
