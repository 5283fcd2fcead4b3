import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { DEFAULT_SCHEMA } from '../database/database.js';
import { dropSchema } from '../database/schemas.js';
import { differing } from './comparison.js';
import { connectOnce, whileHeld } from './held-projection.js';
import type { HeldOffset, Hold } from './held-projection.js';
import { ARCHIVE_TABLE, PROJECTION_TABLES } from './projection-tables.js';

export interface SwapOptions {
  /** The schema of the tables in use. Defaults to `public`. */
  live?: string;
  /** The schema of the tables that take their place; it becomes {@link previous}. */
  rebuilt: string;
  /** Of the tables in use, when the rebuild began. */
  generation: number;
  /** What the schema with the tables that were in use is called; what had the name goes. */
  previous: string;
  /** Whether all facts were folded: tables whose rows may be made of any fact stay where they are otherwise. */
  isWhole: boolean;
  /** Brings the rebuilt tables to the sequence at which the live ones are held. */
  catchUp: (sequence: number) => Promise<void>;
}

export interface Swapped {
  /** Both were there when they changed places. */
  sequence: number;
  /** How long the projector was held, in milliseconds. */
  heldMs: number;
}

/** Readers wait behind whoever waits for all of them to be gone: not for long, and after a while again. */
const FIRST_WAIT_MS = 200;
/** Longer than Postgres waits before it ends an autovacuum that is in the way (a second). */
const LAST_WAIT_MS = 1_600;
const PAUSE_MS = 500;
const TRIES = 60;
/** Generations of tables that were in use: whether all of them are there. */
export const ALL_TABLES = 1;
const SOME_TABLES = 0;
const PARKING = 'millrace_parking';
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Puts rebuilt tables in the place of those in use, in one transaction, both at the same sequence. Whoever reads waits for it for some
 * milliseconds and then reads the new ones. The projector notices, and goes on with them.
 *
 * @throws TablesChangedError
 * @throws when readers hold the tables in use for minutes, or the rebuilt ones do not come up with them
 */
export async function swapRebuilt(url: string, options: SwapOptions): Promise<Swapped> {
  await refreshStatistics(url, options.rebuilt);
  await dropSchema(url, options.previous);
  for (let round = 1, waitMs = FIRST_WAIT_MS; ; round++, waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
    try {
      return await swapOnce(url, options, waitMs);
    } catch (error) {
      if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE || round === TRIES) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Without them the first lists after the swap would be planned for an empty table. */
async function refreshStatistics(url: string, schema: string): Promise<void> {
  const client = await connectOnce(url, 'millrace-vacuum');
  try {
    for (const { name } of PROJECTION_TABLES) await client.query(`VACUUM (ANALYZE) ${schema}.${name}`);
  } finally {
    await client.end();
  }
}

async function swapOnce(url: string, options: SwapOptions, waitMs: number): Promise<Swapped> {
  const { live = DEFAULT_SCHEMA, rebuilt, previous, generation, isWhole, catchUp } = options;
  const tables = PROJECTION_TABLES.filter(({ since }) => isWhole || since !== undefined).map(
    ({ name }) => name,
  );
  let begunMs = 0;
  const sequence = await whileHeld(url, { schema: live, generation }, async ({ client, offset }) => {
    begunMs = performance.now();
    await catchUp(offset.sequence);
    await client.query(`SET LOCAL lock_timeout = ${waitMs}`);
    await client.query(
      `LOCK TABLE ${tables.map((name) => `${live}.${name}`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
    );
    await exchange({ client, offset }, { live, rebuilt, tables, isWhole });
    await client.query(`ALTER SCHEMA ${rebuilt} RENAME TO ${previous}`);
    return offset.sequence;
  });
  return { sequence, heldMs: Math.round(performance.now() - begunMs) };
}

async function exchange(
  { client, offset }: Hold,
  { live, rebuilt, tables, isWhole }: { live: string; rebuilt: string; tables: string[]; isWhole: boolean },
): Promise<void> {
  await client.query(`CREATE SCHEMA ${PARKING}`);
  for (const table of tables) {
    await copyGrants(client, `${live}.${table}`, `${rebuilt}.${table}`);
    await move(client, table, { from: live, to: PARKING });
    await move(client, table, { from: rebuilt, to: live });
    await move(client, table, { from: PARKING, to: rebuilt });
  }
  await client.query(`DROP SCHEMA ${PARKING}`);
  await exchangeOffsets(client, offset, { live, rebuilt, isWhole });
  // The facts that came from the log are in the archive.
  await client.query(`TRUNCATE ${rebuilt}.${ARCHIVE_TABLE.name}`);
}

/** With its statistics: Postgres leaves them where they are, and they would go with the old schema. */
async function move(
  client: pg.Client,
  table: string,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%s.%I', stxnamespace::regnamespace, stxname) AS name FROM pg_statistic_ext WHERE stxrelid = $1::regclass`,
    [`${from}.${table}`],
  );
  await client.query(`ALTER TABLE ${from}.${table} SET SCHEMA ${to}`);
  for (const { name } of rows) await client.query(`ALTER STATISTICS ${name} SET SCHEMA ${to}`);
}

/** Whoever was let into the old table is let into the new one. */
async function copyGrants(client: pg.Client, from: string, to: string): Promise<void> {
  const { rows } = await client.query<{ grant: string }>(
    `SELECT format('GRANT %s ON %s TO %s%s', privilege_type, $2::text,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grant
     FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass AND grantee <> relowner`,
    [from, to],
  );
  for (const { grant } of rows) await client.query(grant);
}

/** Each offset stays with its tables; where they are the same, what tells them apart. */
async function exchangeOffsets(
  client: pg.Client,
  old: HeldOffset,
  { live, rebuilt, isWhole }: { live: string; rebuilt: string; isWhole: boolean },
): Promise<void> {
  await client.query(
    `UPDATE ${live}.projections AS live
     SET ignored = rebuilt.ignored, version = rebuilt.version, generation = live.generation + 1
     FROM ${rebuilt}.projections AS rebuilt WHERE live.name = 'tasks' AND rebuilt.name = 'tasks'`,
  );
  await client.query(
    `UPDATE ${rebuilt}.projections SET sequence = $1, fingerprint = $2, ignored = $3, version = $4, generation = $5
     WHERE name = 'tasks'`,
    [old.sequence, old.fingerprint, old.ignored, old.version, isWhole ? ALL_TABLES : SOME_TABLES],
  );
}

export interface RepairOptions {
  /** The schema of the tables in use. Defaults to `public`. */
  live?: string;
  rebuilt: string;
  /** The first sequence that is repaired. */
  from: number;
  /** Called before anything is changed, if something will be. */
  beforeRepair?: () => Promise<unknown>;
}

/**
 * Makes the archive say what the log says, from a sequence on: what differs goes to `lost_task_events`, what is missing comes in.
 * Resolves with the number of facts that were not as the log says.
 */
export async function repairArchive(
  url: string,
  { live = DEFAULT_SCHEMA, rebuilt, from, beforeRepair }: RepairOptions,
): Promise<number> {
  const client = await connectOnce(url, 'millrace-repair');
  const { name } = ARCHIVE_TABLE;
  try {
    await client.query('BEGIN');
    const { rowCount: odd } = await client.query(
      `CREATE TEMPORARY TABLE odd ON COMMIT DROP AS SELECT sequence ${differing(ARCHIVE_TABLE, live, rebuilt)}
         AND sequence <= (SELECT sequence FROM ${rebuilt}.projections WHERE name = 'tasks')`,
      [from],
    );
    if (odd) await beforeRepair?.();
    await client.query(
      `WITH lost AS (DELETE FROM ${live}.${name} WHERE sequence IN (SELECT sequence FROM odd) RETURNING *)
       INSERT INTO ${live}.lost_${name} SELECT *, now() FROM lost`,
    );
    await client.query(
      `INSERT INTO ${live}.${name} SELECT * FROM ${rebuilt}.${name} WHERE sequence IN (SELECT sequence FROM odd)`,
    );
    await client.query('COMMIT');
    return odd ?? 0;
  } finally {
    await client.end();
  }
}
