import { parseArgs } from 'node:util';
import { TaskLog } from '@millrace/log';
import type { TableComparison } from '@millrace/read-model';
import { runMain } from '@millrace/runtime';
import { readProjectorConfig } from './config.js';
import { PREVIOUS_SCHEMA, REBUILD_SCHEMA, Rebuild } from './rebuild/rebuild-tables.js';

const USAGE = `Builds the read models anew in the Postgres schema ${REBUILD_SCHEMA}, beside the tables in use, while the projector goes on.

  --from=log      leaves the archive alone: tasks that began before the log are taken over as they are
  --compare       compares all columns with the tables in use; exits with 1 if they differ
  --swap          puts what was built in the place of the tables in use, which are kept in ${PREVIOUS_SCHEMA}
  --back          brings the tables in ${PREVIOUS_SCHEMA} up to date instead, and swaps them in
  --help          shows this

With --compare alone what was built is removed; without any of them it stays.
`;

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'archive' },
    compare: { type: 'boolean' },
    swap: { type: 'boolean' },
    back: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const tell = (line: string): unknown => process.stdout.write(`${line}\n`);

await runMain(async () => {
  if (values.help) return void tell(USAGE);
  const config = readProjectorConfig();
  const { NATS_URL, DATABASE_URL, MILLRACE_PROJECTOR_BATCH } = config;
  const log = await TaskLog.open({ url: NATS_URL, name: 'rebuild' });
  const rebuild = await Rebuild.open({
    log,
    databaseUrl: DATABASE_URL,
    batch: MILLRACE_PROJECTOR_BATCH,
    kept: config,
    from: values.from === 'log' ? 'log' : 'archive',
    isContinued: values.back ?? false,
  });
  const isKept = !values.compare && !values.swap && !values.back;
  try {
    await build(rebuild);
    if (values.compare) await compare(rebuild);
    if (values.swap || values.back) await swap(rebuild);
  } finally {
    await rebuild.close({ keep: isKept });
    await log.close();
  }
});

async function build(rebuild: Rebuild): Promise<void> {
  const begun = performance.now();
  await rebuild.build();
  const seconds = Math.max(0.001, (performance.now() - begun) / 1000);
  tell(
    `Built up to ${rebuild.sequence}: ${rebuild.done} facts, ${Math.round(rebuild.done / seconds)} a second.`,
  );
}

async function compare(rebuild: Rebuild): Promise<void> {
  const { sequence, tables } = await rebuild.compare();
  tell(`Compared at ${sequence}.`);
  const isSame = Object.entries(tables)
    .map(([name, table]) => report(name, table))
    .every(Boolean);
  if (!isSame) process.exitCode = 1;
}

async function swap(rebuild: Rebuild): Promise<void> {
  const { sequence, heldMs } = await rebuild.swap();
  tell(
    `Swapped at ${sequence}; the projector was held for ${heldMs} ms. What was in use is in ${PREVIOUS_SCHEMA}.`,
  );
}

function report(table: string, { rows, different, examples }: TableComparison): boolean {
  tell(`${table}: ${rows} rows, ${different === 0 ? 'all the same' : `${different} different`}`);
  for (const { key, live, rebuilt } of examples)
    tell(`  ${key}\n    in use  ${live ?? '(none)'}\n    rebuilt ${rebuilt ?? '(none)'}`);
  return different === 0;
}
