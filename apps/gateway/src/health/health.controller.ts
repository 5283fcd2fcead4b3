import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Liveness, Readiness, readinessExample } from './health.schema.js';
import { Health } from './health.service.js';

@ApiTags('Health')
@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  @Get('live')
  @Endpoint({
    operationId: 'checkLiveness',
    summary: 'Whether the process answers',
    role: 'anyone',
    returns: { 200: { description: 'It does', schema: Liveness, example: { status: 'ok' } } },
  })
  live(): Liveness {
    return { status: 'ok' };
  }

  @Get('ready')
  @Endpoint({
    operationId: 'checkReadiness',
    summary: 'Whether requests can be served',
    description:
      'Ready while the log is there: without Postgres tasks are still submitted, run and cancelled.',
    role: 'anyone',
    returns: {
      200: { description: 'Ready, perhaps degraded', schema: Readiness, example: readinessExample },
      503: {
        description: 'The log is away',
        schema: Readiness,
        example: { ...readinessExample, status: 'unavailable', log: { status: 'away', store_usage: 0.07 } },
      },
    },
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const readiness = await this.health.readiness();
    reply.status(readiness.status === 'unavailable' ? HttpStatus.SERVICE_UNAVAILABLE : HttpStatus.OK);
    return readiness;
  }
}
