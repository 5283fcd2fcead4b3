import type { Json } from '../json.js';
import { INLINE_PARAMETERS_BYTES } from './facts.js';
import type { ReadyReason, TaskCard, TaskEvent } from './facts.js';
import type { Lane } from './kinds.js';
import { TaskRefusal } from './refusals.js';
import { SLOT } from './state.js';
import type { KnownTask } from './state.js';

/** The task is ready in a lane: the fact that says so is its ticket. */
export const ready = (lane: Lane, card: TaskCard, reason: ReadyReason, slot = false): TaskEvent => ({
  kind: lane,
  data: { ...card, reason, ...(slot && { slot }) },
});

/** The task waits for a slot of its queue; without a rank it is the last of its lane. */
export const held = (card: TaskCard, lane: Lane, rank?: number): TaskEvent => ({
  kind: 'held',
  data: { ...card, waiting_for: SLOT, lane, ...(rank !== undefined && { rank }) },
});

/** Attempts are counted anew, their numbers go on: every attempt of a task has a number of its own. */
export const redriven = (state: KnownTask): TaskCard => ({
  ...cardOf(state),
  attempts: { begun: state.attempts.begun, failed: 0, lost: 0 },
});

/** The card of the task as it stands. Long parameters are named, not copied. */
export function cardOf(state: KnownTask): TaskCard {
  return {
    task: state.spec,
    attempts: state.attempts,
    ...(isInline(state.parameters) ? { parameters: state.parameters } : { input: state.input }),
    ...(state.checkpoint > 0 && { checkpoint: state.checkpoint }),
    ...(state.step > 0 && { step: state.step }),
  };
}

/** The card that leans on no other fact: with the parameters, however long they are. */
export function wholeCardOf(state: KnownTask): TaskCard {
  if (state.parameters === undefined)
    throw new TaskRefusal(
      'task/input-unread',
      `The parameters stand in the fact ${state.input}, which must be read first.`,
    );
  const { input: _input, ...card } = cardOf(state);
  return { ...card, parameters: state.parameters };
}

/** Without the parameters at hand the name of their fact must do. */
const isInline = (parameters: Json | undefined): parameters is Json =>
  parameters !== undefined && isAtMost(INLINE_PARAMETERS_BYTES, JSON.stringify(parameters));

/** Whether the text has at most so many bytes in UTF-8; most texts need no counting. */
function isAtMost(limit: number, text: string): boolean {
  if (text.length > limit) return false;
  if (text.length * 3 <= limit) return true;
  let bytes = 0;
  for (let at = 0; at < text.length; at++) bytes += utf8Bytes(text.charCodeAt(at));
  return bytes <= limit;
}

/** Half a surrogate pair counts as half of the pair's four bytes. */
function utf8Bytes(codeUnit: number): number {
  if (codeUnit < 0x80) return 1;
  const isSurrogate = codeUnit >= 0xd800 && codeUnit <= 0xdfff;
  return codeUnit < 0x800 || isSurrogate ? 2 : 3;
}
