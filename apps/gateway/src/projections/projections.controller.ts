import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { AskRebuild, ProjectionList, RebuildView, projectionExamples } from './projections.schema.js';
import { Projections } from './projections.service.js';
import { Rebuilds } from './rebuilds.service.js';

@ApiTags('Projections')
@Controller('admin/projections')
export class ProjectionsController {
  constructor(
    private readonly projections: Projections,
    private readonly rebuilds: Rebuilds,
  ) {}

  @Get()
  @Endpoint({
    operationId: 'listProjections',
    summary: 'List the projections',
    description: 'How far the read models are, how far behind the log, and how far their rebuild is.',
    role: 'viewer',
    returns: {
      200: { description: 'The projections', schema: ProjectionList, example: projectionExamples.list },
    },
    errors: ['log/unavailable', 'archive/unavailable'],
  })
  async list(): Promise<ProjectionList> {
    return { items: await this.projections.list() };
  }

  @Post('rebuild')
  @HttpCode(HttpStatus.ACCEPTED)
  @Endpoint({
    operationId: 'rebuildProjections',
    summary: 'Rebuild the read models',
    description:
      'A projector builds all tables anew beside those in use, while tasks flow, compares both, and puts the new ones in their place; what was in use is kept until the next rebuild. GET /admin/projections tells how far it is.',
    role: 'admin',
    returns: {
      202: { description: 'It was asked for', schema: RebuildView, example: projectionExamples.asked },
    },
    errors: ['request/invalid', 'request/malformed', 'rebuild/running', 'log/unavailable'],
  })
  ask(@Body({ schema: AskRebuild }) wish: AskRebuild, @By() by: Origin): Promise<RebuildView> {
    return this.rebuilds.ask(wish, by);
  }

  @Delete('rebuild')
  @Endpoint({
    operationId: 'cancelRebuild',
    summary: 'Cancel the rebuild of the read models',
    description: 'What was built is removed. Nothing when it has ended, or is about to swap.',
    role: 'admin',
    returns: {
      200: { description: 'The rebuild', schema: RebuildView, example: projectionExamples.cancelled },
    },
    errors: ['rebuild/not-found', 'log/unavailable'],
  })
  cancel(@By() by: Origin): Promise<RebuildView> {
    return this.rebuilds.cancel(by);
  }
}
