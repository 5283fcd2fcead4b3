import { examples } from '../tasks/examples.js';
import type { StreamedEvent } from './events.schema.js';
import { GREETING, heartbeat } from './frames.js';

const [event] = examples.events.items;

const streamed = { ...event, task_id: examples.task.task_id, queue: 'default' } as StreamedEvent;

/** The beginning of a stream, as it is sent. */
export const eventStreamExample = `${GREETING}id: ${streamed.sequence}
event: ${streamed.kind}
data: ${JSON.stringify(streamed)}

${heartbeat(streamed.sequence)}`;
