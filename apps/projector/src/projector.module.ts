import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Logger, Telemetry } from '@millrace/runtime';
import { ArchiveKeeper } from './archive-keeper.js';
import type { ProjectorConfig } from './config.js';
import { CONFIG, LOGGER, TELEMETRY } from './projector.constants.js';
import { Projector } from './projector.js';
import { SearchFiller } from './search-filler.js';
import { Rebuilder } from './rebuild/rebuilder.js';

@Module({})
export class ProjectorModule {
  static with(config: ProjectorConfig, logger: Logger, telemetry?: Telemetry): DynamicModule {
    return {
      module: ProjectorModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: TELEMETRY, useValue: telemetry },
        Projector,
        SearchFiller,
        ArchiveKeeper,
        Rebuilder,
      ],
    };
  }
}
