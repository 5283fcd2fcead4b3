import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { By } from '../auth/caller.decorator.js';
import type { Origin } from '../auth/caller.decorator.js';
import { Endpoint } from '../http/endpoint.decorator.js';
import { Gone } from '../http/gone.decorator.js';
import { OperationRecords } from './operation-records.service.js';
import {
  ListOperations,
  Operation,
  OperationId,
  OperationList,
  UndoOperation,
  operationExamples,
} from './operations.schema.js';
import { TaskActionDone, actionExamples } from './task-actions.schema.js';
import { doneOf } from './task-actions.service.js';
import { Undo } from './undo.service.js';

@ApiTags('Operations')
@Controller('operations')
export class OperationsController {
  constructor(
    private readonly records: OperationRecords,
    private readonly undoing: Undo,
  ) {}

  @Get()
  @Endpoint({
    operationId: 'listOperations',
    summary: 'List the operations on many tasks',
    description: 'The latest first: what runs now, on any gateway, and what ran in the last 7 days.',
    role: 'viewer',
    returns: {
      200: { description: 'The operations', schema: OperationList, example: operationExamples.list },
    },
    errors: ['request/invalid', 'log/unavailable'],
  })
  async list(@Query({ schema: ListOperations }) { limit }: ListOperations): Promise<OperationList> {
    return { items: await this.records.latest(limit) };
  }

  @Get(':operation_id')
  @Endpoint({
    operationId: 'getOperation',
    summary: 'Get an operation on many tasks',
    description: 'How far it is, as of the last second.',
    role: 'viewer',
    returns: { 200: { description: 'The operation', schema: Operation, example: operationExamples.done } },
    errors: ['request/invalid', 'operation/not-found', 'log/unavailable'],
  })
  get(@Param('operation_id', { schema: OperationId }) operationId: string): Promise<Operation> {
    return this.records.get(operationId);
  }

  @Delete(':operation_id')
  @Endpoint({
    operationId: 'stopOperation',
    summary: 'Stop an operation on many tasks',
    description:
      'Whichever gateway runs it begins nothing more within a second. What was done stays done. Nothing when it has ended.',
    role: 'operator',
    returns: {
      200: {
        description: 'The operation as it is known by now',
        schema: Operation,
        example: operationExamples.stopping,
      },
    },
    errors: ['request/invalid', 'operation/not-found', 'log/unavailable'],
  })
  async stop(
    @Param('operation_id', { schema: OperationId }) operationId: string,
    @By() by: Origin,
  ): Promise<Operation> {
    await this.records.askToStop(operationId, by.actor);
    return this.records.get(operationId);
  }

  @Post(':operation_id/undo')
  @HttpCode(HttpStatus.OK)
  @Endpoint({
    operationId: 'undoOperation',
    summary: 'Undo a cancel or a purge',
    description:
      'Gives back the tasks that it cancelled, those that ran from their last checkpoint. What came back otherwise is left alone. An operation of its own; to repeat it does no harm.',
    role: 'operator',
    returns: {
      200: { description: 'What was given back', schema: TaskActionDone, example: actionExamples.done },
      202: { description: 'It has begun', schema: Operation, example: operationExamples.one },
    },
    errors: [
      'request/invalid',
      'request/malformed',
      'operation/not-found',
      'operation/not-undoable',
      'operation/too-many',
      'log/unavailable',
      'archive/behind',
      'archive/unavailable',
    ],
  })
  async undo(
    @Param('operation_id', { schema: OperationId }) operationId: string,
    @Body({ schema: UndoOperation }) { background }: UndoOperation,
    @By() by: Origin,
    @Gone() gone: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TaskActionDone | Operation> {
    const { operation, ended } = await this.undoing.start(operationId, by, background ? undefined : gone);
    if (!background) return doneOf(await ended);
    reply.status(HttpStatus.ACCEPTED);
    return operation;
  }
}
