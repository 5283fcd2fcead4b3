import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { targetOf } from './audit-target.js';

const target = ({
  params = {},
  location,
  body,
  field = { type: 'task', field: 'task_id' },
}: {
  params?: Record<string, string>;
  location?: string;
  body?: unknown;
  field?: { type: string; field: string } | undefined;
}) =>
  targetOf(
    { params, body, routeOptions: { config: { target: field } } } as unknown as FastifyRequest,
    { getHeader: () => location } as unknown as FastifyReply,
  );

describe('the target of a command', () => {
  it('is what its path names', () => {
    expect(target({ params: { task_id: 't-1' }, body: { task_id: 't-2' } })).toEqual({
      type: 'task',
      id: 't-1',
    });
    expect(target({ params: { queue: 'films' } })).toEqual({ type: 'queue', id: 'films' });
  });

  it('is what was made, as the answer says', () => {
    expect(target({ location: '/api/v1/tasks/t-3' })).toEqual({ type: 'task', id: 't-3' });
    expect(target({ location: '/docs' })).toBeUndefined();
  });

  it('is what the body asked for when nothing was made, whatever nonsense that is', () => {
    expect(target({ body: { task_id: 'x'.repeat(1000) } })).toEqual({ type: 'task', id: 'x'.repeat(128) });
    expect(target({ params: { task_id: 'a\u0000b\ud800' } })).toEqual({ type: 'task', id: 'a?b?' });
    for (const body of [undefined, null, 'text', [], { task_id: 7 }, { task_id: '' }])
      expect(target({ body })).toBeUndefined();
    expect(target({ body: { name: 'nightly' }, field: { type: 'key', field: 'name' } })).toEqual({
      type: 'key',
      id: 'nightly',
    });
  });
});
