import type { HeldTask } from '@millrace/domain';
import type { RunningRow } from '@millrace/read-model';
import type { SlotHolders, SlotUse } from './situation.js';

const HOLDERS_AT_MOST = 20;

/** Who fills the slots of a queue, and of the key of a task: its tasks that run. */
export function slotUseOf({ spec }: HeldTask, running: readonly RunningRow[]): SlotUse {
  const key = spec.concurrency_key;
  return {
    queue: holdersOf(running),
    key:
      key === undefined ? null : holdersOf(running.filter(({ concurrency_key }) => concurrency_key === key)),
  };
}

const holdersOf = (running: readonly RunningRow[]): SlotHolders => ({
  used: running.length,
  holders: running.slice(0, HOLDERS_AT_MOST).map(({ id }) => id),
});
