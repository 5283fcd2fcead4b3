import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { GatewayTelemetry } from './gateway-telemetry.js';

@Module({ imports: [LogModule, ArchiveModule], providers: [GatewayTelemetry] })
export class TelemetryModule {}
