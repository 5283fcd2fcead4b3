import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TaskState } from '@millrace/domain';
import { randomLog } from '../testing/random-log.js';
import { notesOf, rowOf, stateOf } from './task.mapping.js';
import { noteDue, project } from './task.projection.js';
import type { ProjectedTask } from './task.projection.js';

const RUNS = { numRuns: 300 };

/** Projects a random log message by message; `watch` sees each task after each of its messages. */
function live(seed: number, watch: (task: ProjectedTask) => void): Map<string, ProjectedTask> {
  const tasks = new Map<string, ProjectedTask>();
  for (const message of randomLog(seed).messages) {
    if (message.type === 'junk') continue;
    const id = message.type === 'fact' ? message.fact.task_id : message.due.task_id;
    const before = tasks.get(id);
    const after = message.type === 'fact' ? project(before, message.fact) : noteDue(before, message.due);
    if (!after) continue;
    tasks.set(id, after);
    watch(after);
  }
  return tasks;
}

const always = (watch: (task: ProjectedTask) => void): void => {
  fc.assert(
    fc.property(fc.nat(), (seed) => void live(seed, watch)),
    RUNS,
  );
};

describe('the row of a task', () => {
  it('maps back to the state and the notes it was made from, in every phase', () => {
    const phases = new Set<TaskState['phase']>();
    always(({ state, notes }) => {
      phases.add(state.phase);
      const row = rowOf(state, notes);
      expect(stateOf(row)).toEqual(state);
      expect(notesOf(row)).toEqual(notes);
    });
    expect([...phases].sort()).toEqual(
      'cancelled cleaned failed held paused ready running scheduled succeeded'.split(' '),
    );
  });

  it('has the state that the domain folds from the same facts', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const tasks = live(seed, () => undefined);
        for (const [id, state] of randomLog(seed).states) expect(tasks.get(id)?.state).toEqual(state);
      }),
      RUNS,
    );
  });

  it('has a turn exactly while a ticket of the task waits in a lane', () => {
    always(({ state, notes }) => {
      const { turn, lane_rank, due_ticket } = rowOf(state, notes);
      const waits = state.phase === 'ready' || (state.phase === 'scheduled' && due_ticket !== null);
      expect(turn === null).toBe(!waits);
      if (waits) expect(lane_rank).not.toBeNull();
    });
  });

  it('forgets a fired timer with the next fact', () => {
    always(({ state, notes }) => {
      if (notes.due_ticket === null) return;
      expect(state.phase).toBe('scheduled');
      expect(notes.due_ticket).toBeGreaterThan(state.sequence);
    });
  });
});
