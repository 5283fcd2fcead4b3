import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Endpoint } from '../http/endpoint.decorator.js';
import { CreateKey, CreatedKey, KeyId, KeyList, keyExamples } from './keys.schema.js';
import { Keys } from './keys.service.js';

@ApiTags('Keys')
@Controller('keys')
export class KeysController {
  constructor(private readonly keys: Keys) {}

  @Get()
  @Endpoint({
    operationId: 'listKeys',
    summary: 'List the API keys',
    role: 'admin',
    returns: {
      200: { description: 'All keys, without their secrets', schema: KeyList, example: keyExamples.list },
    },
    serialize: true,
  })
  list(): KeyList {
    return { items: this.keys.list() };
  }

  @Post()
  @HttpCode(HttpStatus.CREATED)
  @Endpoint({
    operationId: 'createKey',
    summary: 'Create an API key',
    description: 'Only its hash is kept: note the key, it is never shown again.',
    role: 'admin',
    target: { type: 'key', field: 'name' },
    returns: { 201: { description: 'The key', schema: CreatedKey, example: keyExamples.created } },
    errors: ['request/invalid', 'request/malformed', 'key/already-exists', 'log/unavailable'],
    serialize: true,
  })
  create(@Body({ schema: CreateKey }) body: CreateKey): Promise<CreatedKey> {
    return this.keys.create(body);
  }

  @Delete(':key_id')
  @HttpCode(HttpStatus.NO_CONTENT)
  @Endpoint({
    operationId: 'deleteKey',
    summary: 'Delete an API key',
    description: 'It is refused from the next request on, by every gateway.',
    role: 'admin',
    returns: { 204: { description: 'The key is gone', schema: z.undefined(), example: {} } },
    errors: ['request/invalid', 'key/not-found', 'key/last-admin', 'log/unavailable'],
  })
  delete(@Param('key_id', { schema: KeyId }) id: string): Promise<void> {
    return this.keys.delete(id);
  }
}
