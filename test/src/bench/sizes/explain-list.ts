import { Database, TaskQueries } from '@millrace/read-model';
import type { TaskListOptions } from '@millrace/read-model';
import type { BenchSystem } from '../bench-system.js';

const LIMIT = 50;

/** Keeps what is asked. */
class RecordedDatabase extends Database {
  readonly asked: { sql: string; values: unknown[] }[] = [];

  override rows<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    this.asked.push({ sql, values });
    return super.rows(sql, values);
  }
}

/** The plans that Postgres has for a list. */
export async function explainList(
  { databaseUrl }: BenchSystem,
  { path, ms }: { path: string; ms: number },
): Promise<string> {
  const database = new RecordedDatabase(databaseUrl);
  const { status, ...query } = Object.fromEntries(new URLSearchParams(path.split('?')[1]));
  const options = { limit: LIMIT, ...query, ...(status !== undefined && { status: status.split(',') }) };
  await new TaskQueries(database).list(options as TaskListOptions);
  const parts = [`\n${ms.toFixed(0)} ms  ${path}`];
  // A list asks itself what Postgres expects.
  for (const { sql, values } of database.asked.filter(({ sql }) => !sql.startsWith('EXPLAIN'))) {
    const plan = await database.rows<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, BUFFERS) ${sql}`, values);
    parts.push(sql.trim(), ...plan.map((line) => `    ${line['QUERY PLAN']}`));
  }
  await database.close();
  return parts.join('\n');
}
