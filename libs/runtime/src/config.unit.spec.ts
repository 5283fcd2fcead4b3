import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, readConfig } from './config.js';

const schema = z.object({
  PORT: z.coerce.number().int().min(1).default(3000),
  NAME: z.string().min(2),
  LEVEL: z.enum(['info', 'debug']).default('info'),
});

const faultsOf = (env: NodeJS.ProcessEnv): readonly string[] => {
  try {
    readConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('the configuration', () => {
  it('is read by its schema, with defaults', () => {
    expect(readConfig(schema, { NAME: 'mill', OTHER: 'x' })).toEqual({
      PORT: 3000,
      NAME: 'mill',
      LEVEL: 'info',
    });
  });

  it('cannot be changed once it is read', () => {
    expect(Object.isFrozen(readConfig(schema, { NAME: 'mill' }))).toBe(true);
  });

  it('takes an empty variable for one that is not set', () => {
    expect(readConfig(schema, { NAME: 'mill', PORT: '' }).PORT).toBe(3000);
  });

  it('tells every fault at once, each with its variable', () => {
    const faults = faultsOf({ PORT: 'many', LEVEL: 'loud' });
    expect(faults).toHaveLength(3);
    for (const name of ['PORT: ', 'NAME must be set', 'LEVEL: '])
      expect(faults).toContainEqual(expect.stringContaining(name));
  });
});
