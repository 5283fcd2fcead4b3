import { INLINE_PARAMETERS_BYTES } from './facts.js';
import type { ReadyReason, TaskCard, TaskEvent } from './facts.js';
import type { Lane } from './kinds.js';
import type { KnownTask } from './state.js';

/** The task is ready in a lane: the fact that says so is its ticket. */
export const ready = (lane: Lane, card: TaskCard, reason: ReadyReason): TaskEvent => ({
  kind: lane,
  data: { ...card, reason },
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
    ...(isInline(state) ? inlineInput(state) : { input: state.input }),
    ...(state.checkpoint > 0 && { checkpoint: state.checkpoint }),
  };
}

const isInline = (state: KnownTask): boolean =>
  state.parameters !== undefined && JSON.stringify(state.parameters).length <= INLINE_PARAMETERS_BYTES;

/** Without the parameters at hand the name of their fact must do. */
export const inlineInput = (state: KnownTask): Pick<TaskCard, 'parameters' | 'input'> =>
  state.parameters === undefined ? { input: state.input } : { parameters: state.parameters };
