import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Logger } from '@millrace/runtime';
import { AlertsModule } from './alerts/alerts.module.js';
import { ArchiveModule } from './archive/archive.module.js';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { CleanupModule } from './cleanup/cleanup.module.js';
import type { GatewayConfig } from './config.js';
import { ConfigModule } from './config.module.js';
import { EventsModule } from './events/events.module.js';
import { ExplainModule } from './explain/explain.module.js';
import { HandlersModule } from './handlers/handlers.module.js';
import { HealthModule } from './health/health.module.js';
import { HttpModule } from './http/http.module.js';
import { HistoryModule } from './history/history.module.js';
import { KeysModule } from './keys/keys.module.js';
import { LogModule } from './log/log.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { QueuesModule } from './queues/queues.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { PurgeModule } from './queues/purge.module.js';
import { ReferenceSystemsModule } from './reference-systems/reference-systems.module.js';
import { ProjectionsModule } from './projections/projections.module.js';
import { TasksModule } from './tasks/tasks.module.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';
import { WorkersModule } from './workers/workers.module.js';

@Module({})
export class GatewayModule {
  static of(config: GatewayConfig, logger: Logger): DynamicModule {
    return {
      module: GatewayModule,
      imports: [
        ConfigModule.of(config, logger),
        LogModule,
        ArchiveModule,
        HttpModule,
        AuthModule,
        AuditModule,
        KeysModule,
        HandlersModule,
        QueuesModule,
        MetricsModule,
        TasksModule,
        EventsModule,
        ExplainModule,
        HistoryModule,
        OperationsModule,
        PurgeModule,
        CleanupModule,
        WorkersModule,
        AlertsModule,
        TelemetryModule,
        ReferenceSystemsModule,
        ProjectionsModule,
        HealthModule,
      ],
    };
  }
}
