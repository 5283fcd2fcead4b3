import { rebuildRecordSchema } from '@millrace/log';
import { z } from 'zod';

const { shape } = rebuildRecordSchema;
const time = z.string().meta({ format: 'date-time' });

export const AskRebuild = z
  .strictObject({
    from: shape.from.default('archive').meta({
      description:
        'Where facts come from that the log no longer has. archive: from the archive. log: nowhere; tasks that began before the log are taken over as they are.',
    }),
    swap: z.boolean().default(true).meta({ description: 'false: compare only, and remove what was built.' }),
  })
  .default({ from: 'archive', swap: true })
  .meta({ id: 'AskRebuild', example: { from: 'archive', swap: true } });
export type AskRebuild = z.infer<typeof AskRebuild>;

export const RebuildView = z
  .object({
    id: z.string(),
    from: shape.from,
    swap: shape.swap,
    actor: shape.actor.meta({ description: 'Who asked for it.' }),
    asked_at: time,
    phase: shape.phase.meta({
      description:
        'asked: no projector has begun yet. A rebuild that was interrupted by an outage or a restart begins anew.',
    }),
    started_at: time.nullable(),
    alive_at: time.meta({ description: 'The last sign of life; one a second while facts are read.' }),
    finished_at: time.nullable(),
    facts_done: shape.facts_done.meta({ description: 'Facts and fired timers that were folded.' }),
    facts_total: shape.facts_total.meta({ description: 'About as many as there were when it began.' }),
    events_per_second: z.number().nullable().meta({ description: 'Since it began; null before.' }),
    sequence: shape.sequence.meta({ description: 'The last fact that is in the new tables.' }),
    differences: shape.differences.meta({
      description:
        'By table, once they were compared: rows that are not the same, and the keys of five of them.',
    }),
    held_ms: shape.held_ms.meta({ description: 'How long the projection waited for the swap.' }),
    reason: shape.reason.meta({ description: 'Why it failed.' }),
  })
  .meta({ id: 'Rebuild' });
export type RebuildView = z.infer<typeof RebuildView>;

export const ProjectionView = z
  .object({
    name: z.string(),
    sequence: z.int().meta({ description: 'The last message of its stream that is in the tables.' }),
    ignored: z.int().meta({ description: 'Messages that nothing could be made of.' }),
    lag_ms: z.int().meta({ description: 'It grows while the projector is silent.' }),
    lag_messages: z.int(),
    version: z.string().meta({ description: 'Of the code that folded what is in the tables.' }),
    updated_at: time,
    rebuild: RebuildView.nullable().meta({ description: 'The last one, or the one that runs.' }),
  })
  .meta({ id: 'Projection' });
export type ProjectionView = z.infer<typeof ProjectionView>;

export const ProjectionList = z.object({ items: z.array(ProjectionView) }).meta({ id: 'ProjectionList' });
export type ProjectionList = z.infer<typeof ProjectionList>;

const asked: RebuildView = {
  id: '019f3c25-90d1-7a44-b5f2-0a4c1c0f6d33',
  from: 'archive',
  swap: true,
  actor: 'api:ada',
  asked_at: '2026-03-01T09:31:00.000Z',
  phase: 'asked',
  started_at: null,
  alive_at: '2026-03-01T09:31:00.000Z',
  finished_at: null,
  facts_done: 0,
  facts_total: 0,
  events_per_second: null,
  sequence: 0,
  differences: null,
  held_ms: null,
  reason: null,
};

const running: RebuildView = {
  ...asked,
  phase: 'reading-archive',
  started_at: '2026-03-01T09:31:01.000Z',
  alive_at: '2026-03-01T09:32:01.000Z',
  facts_done: 1_380_000,
  facts_total: 5_200_000,
  events_per_second: 23_000,
  sequence: 1_912_004,
};

/** What the OpenAPI document shows. */
export const projectionExamples = {
  asked,
  cancelled: { ...running, phase: 'cancelled', finished_at: '2026-03-01T09:32:01.500Z' },
  list: {
    items: [
      {
        name: 'tasks',
        sequence: 7_000_512,
        ignored: 0,
        lag_ms: 12,
        lag_messages: 0,
        version: '1',
        updated_at: '2026-03-01T09:32:01.000Z',
        rebuild: running,
      },
    ],
  },
} as const satisfies { asked: RebuildView; cancelled: RebuildView; list: ProjectionList };
