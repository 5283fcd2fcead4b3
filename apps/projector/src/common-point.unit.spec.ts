import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Fact } from '@millrace/domain';
import { BadBodyError } from '@millrace/log';
import type { LogState, StoredMessage } from '@millrace/log';
import type { ProjectionOffset } from '@millrace/read-model';
import { identify } from './common-point.js';
import type { LogIdentity } from './common-point.js';
import { fingerprintOf } from './log-messages.js';

/** Facts by their sequences: what stands between belongs to timers and asks. */
type Facts = Map<number, string>;

const messageOf = (sequence: number, id: string): StoredMessage => ({
  subject: 'tasks.video.p5.t1',
  sequence,
  payload: id,
  storedAtMs: 0,
});

interface Case {
  log: Facts;
  archive: Facts;
  first?: number;
  last?: number;
  createdAt?: string;
}

async function identified({ log, archive, first = 1, last, createdAt = 'then' }: Case): Promise<LogIdentity> {
  const at = (sequence: number): string | undefined => (sequence < first ? undefined : log.get(sequence));
  const reader = {
    messageAt: async (sequence: number) => {
      const id = at(sequence);
      return id === undefined ? undefined : messageOf(sequence, id);
    },
    factAt: async (sequence: number) => {
      const id = at(sequence);
      if (id === 'junk') throw new BadBodyError('junk');
      return id === undefined ? undefined : ({ id } as Fact);
    },
  };
  const archivedAt = async (sequence: number) => {
    const found = [...archive].filter(([place]) => place <= sequence).at(-1);
    return found && { sequence: found[0], event_id: found[1] };
  };
  const state = {
    firstSequence: first,
    lastSequence: last ?? Math.max(0, ...log.keys()),
    createdAt,
    messages: 0,
    bytes: 0,
  } satisfies LogState;
  const [sequence, id] = [...archive].at(-1) ?? [0, ''];
  const offset: Omit<ProjectionOffset, 'generation' | 'version'> = {
    sequence,
    fingerprint: fingerprintOf(messageOf(sequence, id)),
    stream_created_at: 'then',
  };
  return identify(reader, state, { archivedAt }, offset);
}

const factsUpTo = (length: number, writer = 'first', after = 0): Facts =>
  new Map(Array.from({ length }, (_, index) => [after + 2 * (index + 1), `${writer}-${index}`]));

describe('a log', () => {
  it('is the same when it still has the last message, wherever it was restored', async () => {
    const facts = factsUpTo(50);
    expect(await identified({ log: facts, archive: factsUpTo(20) })).toEqual({ type: 'same' });
    expect(await identified({ log: facts, archive: facts, createdAt: 'now' })).toEqual({ type: 'same' });
    expect(await identified({ log: facts, archive: new Map() })).toEqual({ type: 'same' });
  });

  it('is the same when the last message was purged, with a gap if more was', async () => {
    const facts = factsUpTo(50);
    expect(await identified({ log: facts, archive: facts, first: 101, last: 100 })).toEqual({ type: 'same' });
    const gap = await identified({ log: facts, archive: factsUpTo(20), first: 61 });
    expect(gap).toEqual({ type: 'gap', missing: 20, from: 41, to: 60 });
  });

  it('has gone back to the last fact that it shares with the archive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(60),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(60),
        async (shared, lost, written) => {
          const common = factsUpTo(shared);
          const archive = new Map([...common, ...factsUpTo(lost, 'lost', 2 * shared)]);
          const log = new Map([...common, ...factsUpTo(written, 'new', 2 * shared + (written % 2))]);
          const identity = await identified({ log, archive });
          expect(identity).toMatchObject({ type: 'went-back', to: 2 * shared });
        },
      ),
    );
  });

  it('that is another one altogether has nothing in common', async () => {
    const identity = await identified({
      log: factsUpTo(3, 'other'),
      archive: factsUpTo(40),
      createdAt: 'now',
    });
    expect(identity).toEqual({ type: 'went-back', to: 0, fingerprint: '' });
  });

  it('cannot be compared where it was purged, and agrees there', async () => {
    const common = factsUpTo(30);
    const archive = new Map([...common, ...factsUpTo(5, 'lost', 60)]);
    const log = new Map([...common, ...factsUpTo(9, 'new', 60)]);
    expect(await identified({ log, archive, first: 41 })).toMatchObject({ type: 'went-back', to: 60 });
    expect(await identified({ log, archive, first: 61 })).toMatchObject({ type: 'went-back', to: 60 });
  });

  it('with junk in the place of a fact does not agree there', async () => {
    const archive = factsUpTo(10);
    const log = new Map([...factsUpTo(9), [20, 'junk']]);
    expect(await identified({ log, archive })).toMatchObject({ type: 'went-back', to: 18 });
  });
});
