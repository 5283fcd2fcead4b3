import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { AuditCommandRow } from '../audit/audit-command.entity.js';
import { FirstTables0001 } from '../migrations/0001-first-tables.js';
import { Limits0002 } from '../migrations/0002-limits.js';
import { Queues0003 } from '../migrations/0003-queues.js';
import { History0005 } from '../migrations/0005-history.js';
import { Operations0006 } from '../migrations/0006-operations.js';
import { LostOpsEventRow, OpsEventRow } from '../ops/ops-event.entity.js';
import { Metrics0004 } from '../migrations/0004-metrics.js';
import { MetricRow } from '../metrics/metric.entity.js';
import { Cleanup0007 } from '../migrations/0007-cleanup.js';
import { Search0011 } from '../migrations/0011-search.js';
import { FailedTasks0012 } from '../migrations/0012-failed-tasks.js';
import { ListWays0013 } from '../migrations/0013-list-ways.js';
import { FailureRow } from '../failures/failure.entity.js';
import { Rebuild0008 } from '../migrations/0008-rebuild.js';
import { ProjectionRow } from '../projections/projection.entity.js';
import { LostTaskEventRow } from '../task-events/lost-task-event.entity.js';
import { TaskEventRow } from '../task-events/task-event.entity.js';
import { TaskRow } from '../tasks/task.entity.js';

/** The tables as TypeORM sees them. It migrates and compares; rows are read and written by SQL of our own. */
export const dataSourceOf = (url: string, schema: string): DataSource =>
  new DataSource({
    type: 'postgres',
    url,
    schema,
    applicationName: 'millrace-migrate',
    synchronize: false,
    // The migrations name no schema.
    extra: { options: `-c search_path=${schema}` },
    entities: [
      TaskRow,
      TaskEventRow,
      LostTaskEventRow,
      ProjectionRow,
      MetricRow,
      OpsEventRow,
      LostOpsEventRow,
      AuditCommandRow,
      FailureRow,
    ],
    migrations: [
      FirstTables0001,
      Limits0002,
      Queues0003,
      Metrics0004,
      History0005,
      Operations0006,
      Cleanup0007,
      Rebuild0008,
      Search0011,
      FailedTasks0012,
      ListWays0013,
    ],
    migrationsTableName: 'millrace_migrations',
  });
