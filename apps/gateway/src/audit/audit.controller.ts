import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Endpoint } from '../http/endpoint.decorator.js';
import { AuditReader } from './audit-reader.service.js';
import {
  AuditList,
  AuditVerdict,
  ListAudit,
  ListNotes,
  NoteList,
  VerifyAudit,
  auditExamples,
} from './audit.schema.js';

@ApiTags('Audit')
@Controller('audit')
export class AuditController {
  constructor(private readonly reader: AuditReader) {}

  @Get()
  @Endpoint({
    operationId: 'listAudit',
    summary: 'List who commanded what',
    description:
      'Every command over REST, the newest first: who gave it, from where, and what came of it, also of those that were refused. From Postgres, which is a moment behind.',
    role: 'admin',
    returns: { 200: { description: 'One page', schema: AuditList, example: auditExamples.list } },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  list(@Query({ schema: ListAudit }) query: ListAudit): Promise<AuditList> {
    return this.reader.commands(query);
  }

  @Get('notes')
  @Endpoint({
    operationId: 'listOperationNotes',
    summary: 'List what operators and repairs did',
    description:
      'The notes of the stream OPS, the newest first: queues defined, paused and reordered, operations on many tasks, repairs, alerts. The audit of single commands is left out unless it is asked for as the noun audit.',
    role: 'admin',
    returns: { 200: { description: 'One page', schema: NoteList, example: auditExamples.notes } },
    errors: ['request/invalid', 'archive/unavailable'],
  })
  notes(@Query({ schema: ListNotes }) query: ListNotes): Promise<NoteList> {
    return this.reader.notes(query);
  }

  @Get('verify')
  @Endpoint({
    operationId: 'verifyAudit',
    summary: 'Verify the audit',
    description:
      'Reads the stream OPS itself: whether the chain holds, whether Postgres tells the same, and whether the archived facts are as the chain says. One call looks at 500 notes, fewer where they anchor many facts; go on at next_from. Says the first place that is not as it was written.',
    role: 'admin',
    returns: { 200: { description: 'The verdict', schema: AuditVerdict, example: auditExamples.valid } },
    errors: ['request/invalid', 'log/unavailable', 'archive/unavailable'],
  })
  verify(@Query({ schema: VerifyAudit }) query: VerifyAudit): Promise<AuditVerdict> {
    return this.reader.verify(query);
  }
}
