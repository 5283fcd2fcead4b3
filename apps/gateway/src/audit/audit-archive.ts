import { ArchiveProofQueries, AuditQueries, OpsQueries, TaskQueries } from '@millrace/read-model';
import type {
  ArchivedBody,
  ArchivedNote,
  AuditCommandRow,
  BlockDigest,
  Database,
} from '@millrace/read-model';

/** What a check reads of Postgres; ranges are from one sequence to another, both inclusive, in order. */
export interface AuditArchive {
  /** The last sequence of `OPS` that is in it. */
  sequence: number;
  notes: (from: number, to: number) => Promise<ArchivedNote[]>;
  commands: (from: number, to: number) => Promise<AuditCommandRow[]>;
  /** The last sequence of `TASKS` that is in it. */
  projected: number;
  digests: (from: number, to: number) => Promise<BlockDigest[]>;
  facts: (from: number, to: number) => Promise<ArchivedBody[]>;
}

/** Fails as `ask` does, when Postgres is away. */
export async function openAuditArchive(
  ask: <T>(query: (database: Database) => Promise<T>) => Promise<T>,
): Promise<AuditArchive> {
  return {
    sequence: await ask((database) => new OpsQueries(database).sequence()),
    notes: (from, to) => ask((database) => new OpsQueries(database).range(from, to)),
    commands: (from, to) => ask((database) => new AuditQueries(database).range(from, to)),
    projected: (await ask((database) => new TaskQueries(database).projection())).sequence,
    digests: (from, to) => ask((database) => new ArchiveProofQueries(database).digests(from, to)),
    facts: (from, to) => ask((database) => new ArchiveProofQueries(database).facts(from, to)),
  };
}
