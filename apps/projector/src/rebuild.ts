import { parseArgs } from 'node:util';
import { TaskLog } from '@millrace/log';
import type { TableComparison } from '@millrace/read-model';
import { runMain } from '@millrace/runtime';
import { readProjectorConfig } from './config.js';
import { REBUILD_SCHEMA, Rebuild } from './rebuild-tables.js';

const USAGE = `Builds the read models anew from the log, in the Postgres schema ${REBUILD_SCHEMA}, beside the tables in use.

  --compare  compares all columns with the tables in use, and removes what was built; exits with 1 if they differ
  --help     shows this
`;

const { values } = parseArgs({ options: { compare: { type: 'boolean' }, help: { type: 'boolean' } } });
const tell = (line: string): unknown => process.stdout.write(`${line}\n`);

await runMain(async () => {
  if (values.help) return void tell(USAGE);
  const { NATS_URL, DATABASE_URL, MILLRACE_PROJECTOR_BATCH } = readProjectorConfig();
  const log = await TaskLog.open({ url: NATS_URL, name: 'rebuild' });
  const rebuild = await Rebuild.open({ log, databaseUrl: DATABASE_URL, batch: MILLRACE_PROJECTOR_BATCH });
  await rebuild.catchUp();
  tell(`Built up to ${rebuild.sequence}.`);
  if (values.compare) await compare(rebuild);
  await rebuild.close({ keep: !values.compare });
  await log.close();
});

async function compare(rebuild: Rebuild): Promise<void> {
  const { sequence, ...tables } = await rebuild.compare();
  tell(`Compared at ${sequence}.`);
  const isSame = Object.entries(tables)
    .map(([table, comparison]) => report(table, comparison))
    .every(Boolean);
  if (!isSame) process.exitCode = 1;
}

function report(table: string, { rows, different, examples }: TableComparison): boolean {
  tell(`${table}: ${rows} rows, ${different === 0 ? 'all the same' : `${different} different`}`);
  for (const { key, live, rebuilt } of examples)
    tell(`  ${key}\n    in use  ${live ?? '(none)'}\n    rebuilt ${rebuilt ?? '(none)'}`);
  return different === 0;
}
