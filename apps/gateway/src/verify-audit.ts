import { parseArgs } from 'node:util';
import { TaskLog } from '@millrace/log';
import {
  ArchiveProofQueries,
  AuditQueries,
  OpsQueries,
  TaskQueries,
  isDatabaseAway,
  openDatabase,
} from '@millrace/read-model';
import type { Database } from '@millrace/read-model';
import { runMain } from '@millrace/runtime';
import { openAuditArchive } from './audit/audit-archive.js';
import type { AuditArchive } from './audit/audit-archive.js';
import { checkAudit } from './audit/audit-check.js';
import type { AuditFindings } from './audit/audit-check.js';
import { readGatewayConfig } from './config.js';

const USAGE = `Reads the stream OPS: whether the chain holds, whether Postgres tells the same, and whether the archived facts are as the
chain says.
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
    facts: Number.MAX_SAFE_INTEGER,
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
  try {
    return await openAuditArchive({
      ops: new OpsQueries(database),
      audit: new AuditQueries(database),
      tasks: new TaskQueries(database),
      proofs: new ArchiveProofQueries(database),
    });
  } catch (error) {
    if (isDatabaseAway(error)) return undefined;
    throw error;
  }
}

function report({ notes, chained, end, anchored, fault }: AuditFindings): void {
  tell(`${notes} notes, ${chained} of them in the chain`);
  tell(`${anchored.facts} facts of the archive are as they were anchored`);
  if (anchored.notKept > 0) tell(`${anchored.notKept} facts are of days that are not kept any more`);
  if (anchored.withdrawn > 0)
    tell(`${anchored.withdrawn} anchors were withdrawn: the log went back, or the archive was repaired`);
  if (end) tell(`The chain ends with ${end.sequence}, hash ${end.hash}`);
  if (!fault) return void tell('Everything is as it was written.');
  tell(`Broken at ${fault.sequence} of the ${fault.where}: ${fault.reason}`);
  process.exitCode = 1;
}
