import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startBenchSystem } from './bench-system.js';
import { fillHistory } from './history.js';
import {
  SIZES,
  bulkCancel,
  bulkSubmits,
  drain,
  endToEnd,
  isolated,
  lanes,
  latency,
  memory,
  publisher,
  singleSubmits,
} from './measurements.js';
import type { Figure, Measurement } from './measurements.js';
import { held, limits } from './limit-measurements.js';
import { million } from './million.js';
import { profileTable } from './profiles.js';
import { reorder } from './reorder-measurements.js';
import { resume, steps, takeOver } from './resume-measurements.js';
import { medians, tableOf } from './report.js';
import { projector, projectorLag, rebuild } from './sizes/projector-measurements.js';
import { sizes } from './sizes/sizes-measurements.js';
import { sse } from './stream-measurements.js';
import type { Report } from './report.js';

const USAGE = `npm run bench -- [options]
  --runs N       runs per state of the log, medians are told (default 3)
  --history N    finished tasks in the log for the second part (default 1000000; 0 leaves it out)
  --only a,b     of: memory, publisher, single, bulk, drain, lanes, end-to-end, latency, latency-behind (default these),
                 isolated, bulk-cancel, steps, takeover, resume, limits, held, reorder, million, sse, sizes, projector, projector-lag, rebuild
  --foreign N    facts of other tasks behind the checkpoint that resume goes on from (default 1000000)
  --waiting N    tasks that wait in million (default 1000000)
  --tasks N      tasks in Postgres in sizes (default 5000000)
  --requests N   of each kind in sizes (default 100)
  --explain      prints the plans of the slowest lists of sizes
  --backlog N    tasks in the log that projector begins with (default 300000)
  --json FILE    where the figures go (default none)
  --profile DIR  writes the CPU profile of each app there, and prints where the time went`;

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    history: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    foreign: { type: 'string', default: '1000000' },
    waiting: { type: 'string', default: '1000000' },
    tasks: { type: 'string', default: '5000000' },
    requests: { type: 'string', default: '100' },
    explain: { type: 'boolean', default: false },
    backlog: { type: 'string', default: '300000' },
    json: { type: 'string' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** In this order: what leaves waiting tasks behind comes after what wants none. */
const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  memory,
  latency: latency('', 0),
  'end-to-end': endToEnd,
  single: singleSubmits,
  bulk: bulkSubmits,
  publisher,
  drain,
  lanes,
  'latency-behind': latency(`, ${SIZES.waiting} waiting below`, SIZES.waiting),
};

/** About isolation, operations on many tasks, runs that break off, limits, moves, streams of events, very long queues, and a large archive: asked for by name, for they take their time. */
const RUNS: Readonly<Record<string, Measurement>> = {
  isolated,
  'bulk-cancel': bulkCancel,
  steps,
  takeover: takeOver,
  resume: resume(Number(options.foreign)),
  limits,
  held,
  million: million(Number(options.waiting)),
  reorder,
  sse,
  projector: projector(Number(options.backlog)),
  'projector-lag': projectorLag,
  rebuild,
  sizes: sizes({
    tasks: Number(options.tasks),
    requests: Number(options.requests),
    explain: options.explain,
  }),
};

if (options.help) {
  console.log(USAGE);
} else {
  const names = options.only?.split(',') ?? Object.keys(MEASUREMENTS);
  const wanted = names.map((name) => {
    const measurement = MEASUREMENTS[name] ?? RUNS[name];
    if (!measurement) throw new Error(`There is no measurement "${name}".\n${USAGE}`);
    return { name, measurement };
  });
  const reports = [await measure('An empty log', 0, wanted)];
  const history = Number(options.history);
  if (history > 0)
    reports.push(
      await measure(`${history.toLocaleString('en-US')} finished tasks in the log`, history, wanted),
    );
  console.log(
    `\n${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}\n`,
  );
  for (const report of reports) console.log(tableOf(report));
  if (options.profile !== undefined) console.log(await profileTable(options.profile));
  if (options.json !== undefined)
    await writeFile(
      options.json,
      JSON.stringify(
        reports.map((report) => ({ ...report, medians: medians(report) })),
        null,
        2,
      ),
    );
}

/** Each run has a system of its own, so that none inherits the backlog of the one before; the history is filled in anew. */
async function measure(
  title: string,
  history: number,
  wanted: { name: string; measurement: Measurement }[],
): Promise<Report> {
  const runs: Figure[][] = [];
  for (let run = 1; run <= Number(options.runs); run++) {
    const figures: Figure[] = [];
    if (options.profile !== undefined) await mkdir(options.profile, { recursive: true });
    const system = await startBenchSystem(options.profile);
    try {
      if (history > 0) await fillHistory(system, history);
      for (const { name, measurement } of wanted) {
        console.error(`${title}, run ${run}: ${name}`);
        figures.push(...(await measurement(system)));
        await system.projected((await system.log.admin.state()).lastSequence);
      }
    } finally {
      await system.stop();
    }
    runs.push(figures);
  }
  return { title, runs };
}
