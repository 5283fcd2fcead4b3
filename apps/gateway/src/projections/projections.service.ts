import { Injectable } from '@nestjs/common';
import { Archive } from '../archive/archive.js';
import type { ProjectionView } from './projections.schema.js';
import { Rebuilds } from './rebuilds.service.js';

/** What is rebuilt; other projections are not. */
const REBUILT = 'tasks';

/** How far the read models are, and their rebuild. */
@Injectable()
export class Projections {
  constructor(
    private readonly archive: Archive,
    private readonly rebuilds: Rebuilds,
  ) {}

  async list(): Promise<ProjectionView[]> {
    const [projections, rebuild] = await Promise.all([
      this.archive.projections.all(),
      this.rebuilds.current(),
    ]);
    return projections.map((projection) => ({
      ...projection,
      rebuild: projection.name === REBUILT ? (rebuild ?? null) : null,
    }));
  }
}
