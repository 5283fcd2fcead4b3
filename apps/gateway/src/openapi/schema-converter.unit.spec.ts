import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { convertSchema } from './schema-converter.js';

const Inner = z.object({ at: z.iso.datetime() }).meta({ id: 'Inner' });

describe('a schema in the document', () => {
  it('is a component when it has an id, and so is what it is made of', () => {
    const Outer = z.object({ inner: Inner.nullable() }).meta({ id: 'Outer' });
    expect(convertSchema(Outer, { schemaType: 'output' })).toEqual({
      schema: { $ref: '#/components/schemas/Outer' },
      components: {
        Outer: expect.objectContaining({
          properties: { inner: { anyOf: [{ $ref: '#/components/schemas/Inner' }, { type: 'null' }] } },
        }),
        Inner: expect.objectContaining({ properties: { at: { type: 'string', format: 'date-time' } } }),
      },
    });
  });

  it('stands where it is without an id', () => {
    expect(convertSchema(z.object({ a: z.int().optional() }), { schemaType: 'input' })?.schema).toMatchObject(
      {
        type: 'object',
        properties: { a: { type: 'integer' } },
      },
    );
  });

  it('is left to Nest when it is none of zod', () => {
    expect(convertSchema({}, { schemaType: 'input' })).toBeUndefined();
  });
});
