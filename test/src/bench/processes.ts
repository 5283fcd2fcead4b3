import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts processor time in ticks of 10 ms for every program (`getconf CLK_TCK`). */
const MICROSECONDS_PER_TICK = 10_000;
const PAGE_BYTES = 4096;

/** What one process of the system, with all its children, has used so far. */
export interface Usage {
  cpuMicroseconds: number;
  rssBytes: number;
}

interface Stat {
  parent: number;
  usage: Usage;
}

/**
 * The processor time of each named process tree, from /proc: user and system time of the process, of its living children and of those
 * that have ended. So Postgres backends count to Postgres.
 */
export function usageOf(roots: Readonly<Record<string, number>>): Record<string, Usage> {
  const stats = allStats();
  return Object.fromEntries(
    Object.entries(roots).map(([name, pid]) => {
      const total = { cpuMicroseconds: 0, rssBytes: 0 };
      for (const member of treeIn(pid, stats)) {
        const usage = stats.get(member)?.usage;
        total.cpuMicroseconds += usage?.cpuMicroseconds ?? 0;
        total.rssBytes += usage?.rssBytes ?? 0;
      }
      return [name, total];
    }),
  );
}

/** The process and all its living descendants. */
export const treeOf = (pid: number): number[] => treeIn(pid, allStats());

function allStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : undefined;
    if (stat) stats.set(Number(entry), stat);
  }
  return stats;
}

function treeIn(root: number, stats: ReadonlyMap<number, Stat>): number[] {
  const tree = [root];
  for (const pid of tree) for (const [child, { parent }] of stats) if (parent === pid) tree.push(child);
  return tree;
}

/** Fields as in proc(5); the name of the program may hold spaces and brackets, so counting starts behind it. */
function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const field = (number: number): number => fields[number - 3] ?? 0;
    const ticks = field(14) + field(15) + field(16) + field(17);
    return {
      parent: field(4),
      usage: { cpuMicroseconds: ticks * MICROSECONDS_PER_TICK, rssBytes: field(24) * PAGE_BYTES },
    };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}
