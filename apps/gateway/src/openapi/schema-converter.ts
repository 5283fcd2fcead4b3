import { z } from 'zod';

type JsonSchema = Record<string, unknown>;
interface Converted {
  schema: JsonSchema;
  components: Record<string, JsonSchema>;
}

/**
 * Makes JSON Schema of zod's schemas for the OpenAPI document. Nest's own conversion writes the dialect of OpenAPI 3.0.
 *
 * A schema with an id becomes a component of that name, wherever it stands.
 */
export function convertSchema(
  schema: unknown,
  { schemaType }: { schemaType: 'input' | 'output' },
): Converted | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  const {
    $defs,
    $schema: _dialect,
    id,
    ...own
  } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: schemaType,
    unrepresentable: 'any',
  }) as JsonSchema & { $defs?: Record<string, JsonSchema>; id?: string };
  const components = Object.fromEntries(
    Object.entries($defs ?? {}).map(([name, { id: _id, ...definition }]) => [name, definition]),
  );
  if (id === undefined) return { schema: own, components };
  return { schema: { $ref: `#/components/schemas/${id}` }, components: { ...components, [id]: own } };
}
