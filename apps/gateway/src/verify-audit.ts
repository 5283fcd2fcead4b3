import { parseArgs } from 'node:util';
import { TaskLog } from '@millrace/log';
import { AuditQueries, OpsQueries, isDatabaseAway, openDatabase } from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { runMain } from '@millrace/runtime';
import { checkAudit } from './audit/audit-check.js';
import type { AuditArchive, AuditFindings } from './audit/audit-check.js';
import { readGatewayConfig } from './config.js';

const USAGE = `Reads the stream OPS: whether the chain of commands holds, and whether Postgres tells the same.
Says the first place that is not as it was written; exits with 1 if there is one.

  --from <sequence>  the first note to look at; defaults to the first there is
  --to <sequence>    the last one; defaults to the last there is
  --help             shows this
`;

const { values } = parseArgs({
  options: { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean' } },
});
const tell = (line: string): unknown => process.stdout.write(`${line}\n`);

await runMain(async () => {
  if (values.help) return void tell(USAGE);
  const { NATS_URL, DATABASE_URL } = readGatewayConfig();
  const log = await TaskLog.open({ url: NATS_URL, name: 'verify-audit' });
  const database = openDatabase(DATABASE_URL, { applicationName: 'millrace-verify-audit' });
  const archive = await archiveOf(database);
  if (!archive) tell('Postgres is away: only the stream is looked at.');
  const range = {
    from: sequenceOf('from', 1),
    to: sequenceOf('to', Number.MAX_SAFE_INTEGER),
    limit: Number.MAX_SAFE_INTEGER,
  };
  report(await checkAudit(log, archive, range));
  await database.close();
  await log.close();
});

function sequenceOf(option: 'from' | 'to', otherwise: number): number {
  const text = values[option];
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Error(`--${option} must be a sequence of the stream OPS.`);
  return Number(text);
}

async function archiveOf(database: Database): Promise<AuditArchive | undefined> {
  const [ops, audit] = [new OpsQueries(database), new AuditQueries(database)];
  try {
    return {
      sequence: await ops.sequence(),
      notes: (from, to) => ops.range(from, to),
      commands: (from, to) => audit.range(from, to),
    };
  } catch (error) {
    if (isDatabaseAway(error)) return undefined;
    throw error;
  }
}

function report({ notes, chained, end, fault }: AuditFindings): void {
  tell(`${notes} notes, ${chained} of them in the chain`);
  if (end) tell(`The chain ends with ${end.sequence}, hash ${end.hash}`);
  if (!fault) return void tell('Everything is as it was written.');
  tell(`Broken at ${fault.sequence} of the ${fault.where}: ${fault.reason}`);
  process.exitCode = 1;
}
