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
  const converted = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io: schemaType,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The format says it; the expression of two hundred characters helps nobody.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  }) as JsonSchema;
  const { $defs, $schema: _dialect, id, ...own } = withComponentRefs(converted) as JsonSchema & Definitions;
  const components = Object.fromEntries(
    Object.entries($defs ?? {}).map(([name, { id: _id, ...definition }]) => [name, definition]),
  );
  if (id === undefined) return { schema: own, components };
  return { schema: refTo(id), components: { ...components, [id]: own } };
}

interface Definitions {
  $defs?: Record<string, JsonSchema>;
  id?: string;
}

/** A reference to a component of the document. */
export const refTo = (id: string): { $ref: string } => ({ $ref: `#/components/schemas/${id}` });

const withComponentRefs = (schema: JsonSchema): unknown =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
