import type {
  ArchivedBody,
  ArchivedNote,
  ArchiveProofQueries,
  AuditCommandRow,
  AuditQueries,
  BlockDigest,
  OpsQueries,
  TaskQueries,
} from '@millrace/read-model';

/** Those who are asked for it. */
export interface AuditedQueries {
  ops: OpsQueries;
  audit: AuditQueries;
  tasks: TaskQueries;
  proofs: ArchiveProofQueries;
}

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

/** Fails as the queries do, when Postgres is away. */
export async function openAuditArchive({ ops, audit, tasks, proofs }: AuditedQueries): Promise<AuditArchive> {
  return {
    sequence: await ops.sequence(),
    notes: (from, to) => ops.range(from, to),
    commands: (from, to) => audit.range(from, to),
    projected: (await tasks.projection()).sequence,
    digests: (from, to) => proofs.digests(from, to),
    facts: (from, to) => proofs.facts(from, to),
  };
}
