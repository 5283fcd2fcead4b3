import { SLOT } from './state.js';
import type { ExistingTask } from './state.js';

/** What leads on from here, for whoever asked for something that the state of the task does not allow: the last sentence of a refusal. */
export function insteadOf(state: ExistingTask): string {
  switch (state.phase) {
    case 'ready':
      return 'It runs by itself when its turn comes.';
    case 'scheduled':
      return `It runs by itself at ${state.until}.`;
    case 'held':
      if (state.waiting_for === SLOT) return 'It runs by itself when the limits of its queue let it.';
      return `It runs by itself once it has what it waits for (${state.waiting_for}).`;
    case 'running':
      return 'It runs now: pause or cancel it first.';
    case 'paused':
      return 'Resume it.';
    case 'failed':
      return 'Retry or resume it to run it again.';
    case 'succeeded':
    case 'cancelled':
      return 'Branch it to run it again.';
    case 'cleaned':
      return 'It was cleaned up: submit it as a new task to run it again.';
  }
}
