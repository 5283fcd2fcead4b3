import { Injectable } from '@nestjs/common';
import { TaskHandler } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import { Studio } from './studio.js';

const RenderParams = z.object({ film: z.string(), checkpoint_every: z.int().min(1).default(100) });
type RenderParams = z.output<typeof RenderParams>;

/** A loop with checkpoints. */
@Injectable()
export class RenderFilmHandler {
  constructor(private readonly studio: Studio) {}

  @TaskHandler({ name: 'render_film', params: RenderParams })
  async render({ params, resumedFrom, checkpoint, progress, signal }: TaskContext<RenderParams>) {
    const total = await this.studio.frames(params.film);
    let { next } = (resumedFrom ?? { next: 0 }) as { next: number };
    try {
      while (next < total) {
        await this.studio.render(params.film, next, signal);
        next++;
        if (next % params.checkpoint_every === 0) await checkpoint({ next });
        progress({ current: next, total });
      }
    } catch (error) {
      // Paused, or asked to stop: the next attempt goes on with this very frame.
      if (signal.aborted) await checkpoint({ next });
      throw error;
    }
    return { frames: total };
  }
}
