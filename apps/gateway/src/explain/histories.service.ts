import { Injectable } from '@nestjs/common';
import type { ExistingTask } from '@millrace/domain';
import { TaskLog } from '@millrace/log';
import { Archive } from '../archive/archive.js';
import { fromArchive } from './sources.js';
import { UNKNOWN } from './situation.js';
import type { History } from './situation.js';

/** Of a task that has run once at most, the last facts say all. */
const LAST_FACTS = 20;
/** Facts that are followed back in the log, reports of the attempts included; what lies further back is asked of the archive. */
const FACTS_AT_MOST = 300;
const TRANSITIONS_AT_MOST = 200;

/** Reads how tasks came to be where they are, as far back as an explanation needs it. */
@Injectable()
export class Histories {
  constructor(
    private readonly log: TaskLog,
    private readonly archive: Archive,
  ) {}

  /** Up to the state, which may be a little older than the log. */
  async of({ id, queue, sequence, attempts }: ExistingTask): Promise<History> {
    const limit = attempts.begun > 1 ? FACTS_AT_MOST : LAST_FACTS;
    const read = await this.log.read.history({ queue, task_id: id }, { limit });
    const facts = read.filter((fact) => fact.sequence <= sequence);
    const [oldest] = facts;
    const reachesBack = facts.some((fact) => fact.kind === 'started' && fact.data.attempt === 1);
    const isWhole = oldest !== undefined && (attempts.begun === 0 || reachesBack);
    if (isWhole) return { facts, isCut: false };
    const older = await fromArchive(() =>
      this.archive.explain.transitionsBelow(id, oldest?.sequence ?? sequence + 1, TRANSITIONS_AT_MOST),
    );
    return older === UNKNOWN ? { facts, isCut: true } : { facts: [...older, ...facts], isCut: false };
  }
}
