import { KINDS, LANES, isLane } from '@millrace/domain';
import { z } from 'zod';
import { KIND_MEANINGS, dataSchemas, envelopeSchema, parts } from '../bodies.js';
import { tableOf } from './markdown.js';

/** What is used here of JSON Schema. */
interface Property {
  type?: string;
  const?: unknown;
  enum?: string[];
  items?: Property;
  description?: string;
  additionalProperties?: Property | boolean;
  minimum?: number;
  maximum?: number;
}

interface ObjectSchema {
  properties: Record<string, Property>;
  required?: string[];
}

const schemaOf = (schema: z.ZodType): ObjectSchema => z.toJSONSchema(schema) as unknown as ObjectSchema;

const cardFields = Object.keys(parts.card.shape);
const partNames: ReadonlySet<string> = new Set(Object.keys(parts));

/** The reference of all bodies, `docs/reference/bodies.md`. */
export const bodyReference = (): string =>
  `${[
    '# Bodies',
    INTRODUCTION,
    '## Every fact',
    fieldsOf(envelopeSchema),
    '## By kind',
    kindsTable(),
    ...KINDS.filter((kind) => !isLane(kind) || kind === 'p5').flatMap((kind) => [
      `### ${kind === 'p5' ? '`p0` … `p10`, `front`' : `\`${kind}\``}`,
      fieldsOf(dataSchemas[kind]),
    ]),
    '## Parts',
    ...Object.entries(parts).flatMap(([name, part]) => [
      `### The ${name}`,
      PART_MEANINGS[name] ?? '',
      fieldsOf(part),
    ]),
    OTHERS,
  ].join('\n\n')}\n`;

function kindsTable(): string {
  const [lanes, others] = [
    KINDS.filter((kind) => isLane(kind) && kind !== 'front'),
    KINDS.filter((kind) => !isLane(kind)),
  ];
  return tableOf(
    ['kind', 'meaning'],
    [
      [`\`${lanes[0] ?? ''}\` … \`${lanes.at(-1) ?? ''}\``, 'ready in this lane; `p10` is served first'],
      ...(['front', ...others] as const).map((kind) => [`\`${kind}\``, KIND_MEANINGS[kind]]),
    ],
  );
}

function fieldsOf(schema: z.ZodType): string {
  const { properties, required = [] } = schemaOf(schema);
  const hasCard = schema !== parts.card && cardFields.every((field) => field in properties);
  const own = Object.entries(properties).filter(([name]) => !hasCard || !cardFields.includes(name));
  const rows = own.map(([name, property]) => [
    `\`${name}\``,
    partNames.has(name) ? `[${name}](#the-${name})` : typeOf(property),
    required.includes(name) ? 'yes' : '',
    property.description ?? '',
  ]);
  const table = tableOf(['field', 'type', 'always', 'meaning'], rows);
  return hasCard ? `The [card](#the-card), and\n\n${table}` : table;
}

function typeOf({
  type,
  const: constant,
  enum: values,
  items,
  additionalProperties: entries,
  minimum,
  maximum,
}: Property): string {
  if (constant !== undefined) return `\`${JSON.stringify(constant)}\``;
  if (values)
    return values[0] === LANES[0] ? 'name of a lane' : values.map((value) => `\`${value}\``).join(', ');
  if (typeof entries === 'object') return `object of ${typeOf(entries)}s`;
  if (items) return `list of ${typeOf(items)}s`;
  if (!type) return 'JSON';
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return isBounded ? `${type}, ${minimum} to ${maximum}` : type;
}

const INTRODUCTION = `
The body of each kind of fact in the stream \`TASKS\`. Bodies are plain JSON; what is not listed here is passed over by readers, so that
later versions may add to it. A change that is no addition gets a new version, and an upcaster in \`libs/log/src/codec.ts\` that lifts the older
one. Durations of tasks are in seconds (\`time_limit\`), what was measured in milliseconds (\`duration_ms\`), times are UTC in ISO 8601.

This page is made from the schemas in \`libs/log/src/bodies.ts\`; a test compares them. To write it anew:
\`UPDATE_DOCS=1 npm run jest -- libs/log/dist/bodies\`.`.trim();

const PART_MEANINGS: Record<string, string> = {
  card: 'The whole task, in every fact from which an attempt may start: no reader needs the history. Either `parameters` or `input` is there.',
  task: 'What was asked for; only the priority changes later.',
  retry: 'When a failed attempt is tried again.',
  attempts: 'Counted from facts, never from deliveries.',
  run: 'The attempt as its own facts name it: enough to take it over without reading what came before.',
  error: 'Why an attempt failed.',
  progress: 'How far an attempt is; every part is free for the handler to use.',
};

const OTHERS = `
## Other messages

| subject | body |
| --- | --- |
| \`tasks.<queue>.<lane>.<taskId>.due\` | the whole [\`scheduled\`](#scheduled) fact that the timer served, and its sequence as \`after\` |
| \`timers.<queue>.<taskId>.<sequence>\` | the same; the server copies it when it fires |
| \`asks.<queue>.<verb>.<taskId>\` | \`id\`, \`prev\` (the ask before it on the same subject), \`at\`, \`actor\`, and what the verb needs: \`signal\` a \`name\` and a \`payload\`, \`pause\` a \`reason\` and \`grace_seconds\` |
| \`ops.<noun>.<verb>\` | \`id\`, \`prev\` (the note before it on the same subject), and what was done |
| \`ops.audit.commands\` | \`hash\`, \`previous\` (hash of the note before), \`id\`, \`prev\`, \`at\`, \`gateway\`, \`entries\` (each with \`at\`, \`actor\`, \`role\`, \`address\`, \`method\`, \`operation\`, \`target_type\`, \`target\`, \`status\`, \`code\`, \`correlation_id\`), \`dropped\`, \`unlisted\`: [the audit](../guides/audit.md) |
| \`ops.audit.anchored\` | \`hash\`, \`previous\`, \`id\`, \`prev\`, \`at\`, \`actor\`, \`from\` and \`to\` (sequences of \`TASKS\`), \`days\` (each with \`day\`, \`facts\`, \`digest\`, and \`blocks\`: number, facts, beginning of the digest), \`withdrawal\` (the last that was known) |
| \`ops.audit.withdrawn\` | the same links, and \`after\`: up to where anchors still hold, \`reason\` |
| \`ops.audit.released\` | the same links, and \`days\` of facts or \`notes_before\` a sequence of \`OPS\` |
| \`progress.<queue>.<taskId>\` | \`token\` and \`attempt\` of the running attempt, \`at\`, \`progress\` |
| \`logs.<queue>.<taskId>\` | \`at\`, \`level\`, \`message\`, \`attempt\`, \`worker\`, \`fields\`; 8 KiB at most, what is longer is cut |`
  .trim()
  .replace(/\| subject[^]*$/, (table) => {
    const [head = [], , ...rows] = table.split('\n').map((line) => line.slice(2, -2).split(' | '));
    return tableOf(head, rows);
  });
