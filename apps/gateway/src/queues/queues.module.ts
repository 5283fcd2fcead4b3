import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { LogModule } from '../log/log.module.js';
import { PastQueues } from './past-queues.service.js';
import { QueueCatalogue } from './queue-catalogue.js';
import { QueueCommandsController } from './queue-commands.controller.js';
import { QueueDefinitions } from './queue-definitions.service.js';
import { QueueDepths } from './queue-depths.js';
import { QueuePauses } from './queue-pauses.service.js';
import { QueueReader } from './queue-reader.service.js';
import { QueueRecords } from './queue-records.js';
import { QueuesController } from './queues.controller.js';

@Module({
  imports: [LogModule, ArchiveModule],
  controllers: [QueuesController, QueueCommandsController],
  providers: [
    PastQueues,
    QueueCatalogue,
    QueueDepths,
    QueueRecords,
    QueueReader,
    QueueDefinitions,
    QueuePauses,
  ],
  exports: [QueueCatalogue, QueueDepths],
})
export class QueuesModule {}
