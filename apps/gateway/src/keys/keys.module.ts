import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { LogModule } from '../log/log.module.js';
import { KeysController } from './keys.controller.js';
import { Keys } from './keys.service.js';

@Module({ imports: [AuthModule, LogModule], controllers: [KeysController], providers: [Keys] })
export class KeysModule {}
