import { describe, expect, it } from '@jest/globals';
import type { Fact } from '@millrace/domain';
import type { ArchiveOrder, ChunkLine } from '../system/archives.js';
import { Deaths } from '../system/deaths.js';
import { childDeathsIn, redoneIn, resumeFaults } from './resume-rules.js';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const order: ArchiveOrder = {
  taskId: 't',
  params: { path: 'film.raw', chunk_bytes: 4096, codec: 'gzip' },
  chunks: 4,
  root: 'right',
};

const fact = (sequence: number, kind: string, data: object = {}): Fact =>
  ({
    kind,
    data,
    sequence,
    prev: sequence - 1,
    at: new Date(T0 + sequence * 1000).toISOString(),
    task_id: 't',
    queue: 'archive',
    actor: 'somebody',
  }) as never;
const started = (sequence: number, attempt: number, pid: number, data: object = {}): Fact =>
  fact(sequence, 'started', { attempt, worker: `host-${pid}-abcdef01`, lost: 0, failed: 0, ...data });
const checkpoint = (sequence: number, chunks: number): Fact =>
  fact(sequence, 'checkpoint', { state: { chunks } });
const succeeded = (sequence: number, root = 'right'): Fact =>
  fact(sequence, 'succeeded', { result: { root, parts: 4 } });
const did = (token: number, attempt: number, ...chunks: number[]): ChunkLine[] =>
  chunks.map((chunk) => ({ taskId: 't', attempt, token, chunk }));

/** The worker 100 died after the checkpoint at two chunks, with the third one begun. */
const resumed = [
  fact(1, 'p5'),
  started(2, 1, 100),
  checkpoint(3, 2),
  started(4, 2, 200, { lost: 1, checkpoint: 3 }),
  checkpoint(5, 4),
  succeeded(6),
];
const lines = [...did(2, 1, 0, 1, 2), ...did(4, 2, 2, 3)];

function faultsOf(facts: Fact[], done: ChunkLine[], dead = true): string {
  const deaths = new Deaths();
  if (dead) deaths.died(100, T0);
  return resumeFaults(order, facts, done, deaths).join('\n');
}

/** The history with one fact replaced. */
const but = (changed: Fact): Fact[] =>
  resumed.map((known) => (known.sequence === changed.sequence ? changed : known));

describe('the audit of a resumed archive', () => {
  it('has nothing to say when it went on where it was', () => {
    expect(faultsOf(resumed, lines)).toBe('');
    expect(redoneIn(lines)).toBe(1);
  });

  it.each<[string, Fact[], ChunkLine[], RegExp]>([
    [
      'does a chunk before its checkpoint again',
      resumed,
      [...did(2, 1, 0, 1), ...did(4, 2, 1, 2, 3)],
      /go on at 2/,
    ],
    ['does a chunk twice', resumed, [...did(2, 1, 0, 1), ...did(4, 2, 2, 2, 3)], /go on at 2, and did 2 2 3/],
    ['leaves a chunk out', resumed, [...did(2, 1, 0, 1), ...did(4, 2, 2)], /left 1 chunks out/],
    ['works on without an attempt', resumed, [...lines, ...did(9, 1, 3)], /token 9, which is no attempt/],
    ['works on when it was overtaken', resumed, [...lines, ...did(2, 1, 3)], /had been overtaken/],
    [
      'starts from another checkpoint',
      but(started(4, 2, 200, { lost: 1 })),
      lines,
      /from undefined, not from 3/,
    ],
    [
      'counts a loss that its checkpoint has made good',
      but(started(4, 2, 200, { lost: 2, checkpoint: 3 })),
      lines,
      /counts 2 losses, not 1/,
    ],
    ['comes to another root', but(succeeded(6, 'wrong')), lines, /came to the root wrong/],
    ['fails', but(fact(6, 'failed', { reason: 'worker_lost', error: {} })), lines, /ended as failed/],
  ])('notices one that %s', (_what, facts, done, wanted) => {
    expect(faultsOf(facts, done)).toMatch(wanted);
  });

  it('finds it right that an attempt failed whose own process was killed, and for no other reason', () => {
    const failed = (name: string): Fact[] => [
      ...resumed.slice(0, 3),
      fact(4, 'scheduled', { reason: 'retry', error: { name, message: 'gone' } }),
      started(5, 2, 100, { failed: 1, checkpoint: 3 }),
      checkpoint(6, 4),
      succeeded(7),
    ];
    const done = [...did(2, 1, 0, 1, 2), ...did(5, 2, 2, 3)];
    expect(faultsOf(failed('HandlerProcessDied'), done, false)).toBe('');
    expect(childDeathsIn(failed('HandlerProcessDied'))).toBe(1);
    expect(faultsOf(failed('TypeError'), done, false)).toMatch(/failed with gone/);
  });

  it('notices that a living worker was robbed', () => {
    expect(faultsOf(resumed, lines, false)).toMatch(/taken over from the living host-100/);
  });
});
