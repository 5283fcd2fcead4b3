import { Module } from '@nestjs/common';
import { ArchiveModule } from '../archive/archive.module.js';
import { HandlersModule } from '../handlers/handlers.module.js';
import { LogModule } from '../log/log.module.js';
import { QueuesModule } from '../queues/queues.module.js';
import { Branches } from './branches.service.js';
import { BulkSubmissions } from './bulk-submissions.service.js';
import { SubmissionsController } from './submissions.controller.js';
import { PastTasks } from './past-tasks.service.js';
import { Reorders } from './reorders.service.js';
import { Revivals } from './revivals.service.js';
import { Submissions } from './submissions.service.js';
import { TaskChanges } from './task-changes.service.js';
import { TaskCommandsController } from './task-commands.controller.js';
import { TaskCommands } from './task-commands.service.js';
import { TaskDiffs } from './task-diffs.service.js';
import { TaskEnds } from './task-ends.service.js';
import { TaskLists } from './task-lists.service.js';
import { TaskLogsController } from './task-logs.controller.js';
import { TaskLogLines } from './task-logs.service.js';
import { TaskMovesController } from './task-moves.controller.js';
import { TaskMoves } from './task-moves.service.js';
import { TaskPauses } from './task-pauses.service.js';
import { TaskReader } from './task-reader.service.js';
import { TaskResults } from './task-results.service.js';
import { TaskSignals } from './task-signals.service.js';
import { TasksController } from './tasks.controller.js';
import { UniqueSubmissions } from './unique-submissions.service.js';

@Module({
  imports: [LogModule, ArchiveModule, HandlersModule, QueuesModule],
  controllers: [
    SubmissionsController,
    TasksController,
    TaskLogsController,
    TaskCommandsController,
    TaskMovesController,
  ],
  providers: [
    Submissions,
    UniqueSubmissions,
    BulkSubmissions,
    Branches,
    TaskReader,
    TaskLists,
    PastTasks,
    TaskDiffs,
    TaskEnds,
    TaskResults,
    TaskLogLines,
    TaskChanges,
    TaskCommands,
    TaskPauses,
    TaskSignals,
    TaskMoves,
    Reorders,
    Revivals,
  ],
  exports: [Submissions, TaskChanges, TaskCommands, TaskMoves, TaskPauses, TaskReader, TaskResults],
})
export class TasksModule {}
