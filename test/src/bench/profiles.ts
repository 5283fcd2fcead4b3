import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
}

/** A part of the code to which processor time is put down. */
interface Share {
  part: string;
  percent: number;
}

/** V8 names what is no function of a script so. */
const NATIVE: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'native code',
  writeBuffer: 'socket writes',
  writeUtf8String: 'socket writes',
};

/**
 * Where a process spent its time, from the profile that `--cpu-prof` wrote when it ended: the packages and libraries of ours, largest
 * first, idle time left out.
 */
export function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): Share[] {
  const partOf = new Map(nodes.map(({ id, callFrame }) => [id, partOfFrame(callFrame)]));
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const part = partOf.get(id);
    if (part !== undefined) times.set(part, (times.get(part) ?? 0) + (timeDeltas[i] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times]
    .map(([part, time]) => ({ part, percent: (100 * time) / total }))
    .sort((a, b) => b.percent - a.percent);
}

/** Undefined for idle time. */
function partOfFrame({ functionName, url }: { functionName: string; url: string }): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  const native = NATIVE[functionName];
  if (native !== undefined) return native;
  const pack = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (pack !== undefined) return pack;
  const own = /\/((?:libs|apps)\/[^/]+)\/dist\//.exec(url)?.[1];
  if (own !== undefined) return own;
  return url.startsWith('node:') ? 'Node.js' : 'native code';
}

/** A Markdown table of the profiles in a folder, one column of parts and shares per process. */
export async function profileTable(dir: string): Promise<string> {
  const rows: string[] = [];
  for (const file of (await readdir(dir)).filter((name) => name.endsWith('.cpuprofile')).sort()) {
    const profile = JSON.parse(await readFile(join(dir, file), 'utf8')) as CpuProfile;
    const shares = sharesOf(profile)
      .filter(({ percent }) => percent >= 1)
      .map(({ part, percent }) => `${part} ${Math.round(percent)} %`);
    rows.push(`| ${file.split('.')[0] ?? file} | ${shares.join(' · ')} |`);
  }
  return ['| process | processor time by part |', '|---|---|', ...rows, ''].join('\n');
}
