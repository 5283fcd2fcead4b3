import { readFileSync } from 'node:fs';
import { treeOf } from './processes.js';

const EVERY_MS = 1_000;

/** Bytes in the memory of each named process tree. What processes share is counted once: Postgres backends share most of theirs. */
export function memoryOf(roots: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(roots).map(([name, pid]) => [
      name,
      treeOf(pid).reduce((sum, member) => sum + proportionalBytes(member), 0),
    ]),
  );
}

/** Looks at the memory every second. The function ends it and resolves with the most that each tree has had. */
export function watchMemory(roots: () => Readonly<Record<string, number>>): () => Record<string, number> {
  const most: Record<string, number> = {};
  const look = (): void => {
    for (const [name, bytes] of Object.entries(memoryOf(roots())))
      most[name] = Math.max(most[name] ?? 0, bytes);
  };
  const looking = setInterval(look, EVERY_MS);
  return () => {
    clearInterval(looking);
    look();
    return most;
  };
}

function proportionalBytes(pid: number): number {
  try {
    const kilobytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    // It ended while we looked.
    return 0;
  }
}
