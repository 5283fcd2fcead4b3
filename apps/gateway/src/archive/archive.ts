import { Inject, Injectable } from '@nestjs/common';
import {
  AlertQueries,
  ArchiveProofQueries,
  AuditQueries,
  ExplainQueries,
  FailureQueries,
  MetricsQueries,
  OpsQueries,
  ProjectionQueries,
  QueueQueries,
  TaskQueries,
  TotalQueries,
  TravelQueries,
} from '@millrace/read-model';
import type { Database, TaskRow } from '@millrace/read-model';
import { DATABASE } from '../gateway.constants.js';
import { ProblemError } from '../http/problem.js';
import { ArchiveGuard } from './archive-guard.js';
import { ArchivedFacts } from './archived-facts.js';

/**
 * The read models in Postgres. Nothing here is needed to submit, run or end a task: all its questions fail with `archive/unavailable` while
 * Postgres is away.
 */
@Injectable()
export class Archive {
  readonly tasks: TaskQueries;
  readonly facts: ArchivedFacts;
  readonly past: TravelQueries;
  readonly explain: ExplainQueries;
  readonly queues: QueueQueries;
  readonly metrics: MetricsQueries;
  readonly totals: TotalQueries;
  readonly failures: FailureQueries;
  readonly alerts: AlertQueries;
  readonly projections: ProjectionQueries;
  readonly ops: OpsQueries;
  readonly audit: AuditQueries;
  readonly proofs: ArchiveProofQueries;

  constructor(@Inject(DATABASE) private readonly database: Database) {
    const guard = new ArchiveGuard();
    this.tasks = guard.over(new TaskQueries(database));
    this.facts = new ArchivedFacts(guard, database);
    this.past = guard.over(new TravelQueries(database));
    this.explain = guard.over(new ExplainQueries(database));
    this.queues = guard.over(new QueueQueries(database));
    this.metrics = guard.over(new MetricsQueries(database));
    this.totals = guard.over(new TotalQueries(database));
    this.failures = guard.over(new FailureQueries(database));
    this.alerts = guard.over(new AlertQueries(database));
    this.projections = guard.over(new ProjectionQueries(database));
    this.ops = guard.over(new OpsQueries(database));
    this.audit = guard.over(new AuditQueries(database));
    this.proofs = guard.over(new ArchiveProofQueries(database));
  }

  /** Whether Postgres answers and has its tables. */
  async isThere(): Promise<boolean> {
    try {
      return await this.database.isHealthy();
    } catch {
      return false;
    }
  }

  /** The row of a task for those who can do without: undefined when there is none, and while Postgres is away. */
  async findIfThere(taskId: string): Promise<TaskRow | undefined> {
    try {
      return await this.tasks.get(taskId);
    } catch (error) {
      if (error instanceof ProblemError) return undefined;
      throw error;
    }
  }
}
