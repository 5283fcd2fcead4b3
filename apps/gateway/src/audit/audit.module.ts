import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { AuditHook } from './audit-hook.js';
import { AuditReader } from './audit-reader.service.js';
import { AuditTrail } from './audit-trail.js';
import { AuditController } from './audit.controller.js';

@Module({
  imports: [LogModule, ArchiveModule],
  controllers: [AuditController],
  providers: [AuditTrail, AuditHook, AuditReader],
})
export class AuditModule {}
