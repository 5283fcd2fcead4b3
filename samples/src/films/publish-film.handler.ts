import { Injectable } from '@nestjs/common';
import { RetryLater, TaskHandler, UnrecoverableError } from '@millrace/worker';
import type { TaskContext } from '@millrace/worker';
import { z } from 'zod';
import { Busy, Studio } from './studio.js';

const PublishParams = z.object({
  film: z.string(),
  formats: z.array(z.string()).min(1),
  embargo_seconds: z.number().min(0).default(0),
});
type PublishParams = z.output<typeof PublishParams>;

const WEEK = 7 * 24 * 3600;

/** Steps side by side and within each other, a wait for a person, and a wait for a time. */
@Injectable()
export class PublishFilmHandler {
  constructor(private readonly studio: Studio) {}

  @TaskHandler({
    name: 'publish_film',
    params: PublishParams,
    retry: {
      max_retries: 5,
      by_error: {
        // A machine that went away is back in a moment.
        ConnectionReset: { delay_seconds: 1, max_retries: 20 },
        // Who has not answered in a week is not asked again.
        SignalTimeoutError: { max_retries: 0 },
      },
    },
    retryIf: (error) => !(error instanceof RangeError),
  })
  async publish({ params, step, sleep, waitForSignal, fencingToken }: TaskContext<PublishParams>) {
    const { film, formats, embargo_seconds } = params;
    if (film === '') throw new UnrecoverableError('A film has a name.');

    const urls = await Promise.all(
      formats.map((format) =>
        step(format, async () => {
          const file = await step('encode', () => this.studio.encode(film, format));
          return step('upload', () => this.upload(file));
        }),
      ),
    );

    const { by } = await waitForSignal<{ by: string }>('approve', { timeoutSeconds: WEEK });
    await sleep(embargo_seconds);
    const receipt = await step('charge', () => this.studio.charge(film, fencingToken));
    return { urls, receipt, approved_by: by };
  }

  private async upload(file: string): Promise<string> {
    try {
      return await this.studio.upload(file);
    } catch (error) {
      if (error instanceof Busy) throw new RetryLater(error.seconds);
      throw error;
    }
  }
}
