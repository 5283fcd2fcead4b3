import { Module } from '@nestjs/common';
import { LogModule } from '../log/log.module.js';
import { ApiKeys } from './api-keys.js';
import { Authentication } from './authentication.js';

@Module({ imports: [LogModule], providers: [ApiKeys, Authentication], exports: [ApiKeys] })
export class AuthModule {}
