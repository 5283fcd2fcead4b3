import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, databaseSettings, readConfig } from './config.js';

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

describe('the database', () => {
  const urlOf = (env: NodeJS.ProcessEnv): string => readConfig(z.object(databaseSettings), env).DATABASE_URL;

  it('is told by its URL, or by its parts', () => {
    expect(urlOf({})).toBe('postgres://millrace@127.0.0.1:5432/millrace');
    expect(urlOf({ POSTGRES_HOST: 'db' })).toBe('postgres://postgres@db:5432/millrace');
    const parts = { POSTGRES_USER: 'ada', POSTGRES_PASSWORD: 'p@ss/word', POSTGRES_DB: 'tasks' };
    const host = { POSTGRES_HOST: 'db', POSTGRES_PORT: '6432' };
    expect(urlOf({ ...host, ...parts })).toBe('postgres://ada:p%40ss%2Fword@db:6432/tasks');
    expect(urlOf({ ...host, DATABASE_URL: 'postgres://other/x' })).toBe('postgres://other/x');
    // Of no use without a host: other programs use the same names.
    expect(urlOf(parts)).toBe('postgres://millrace@127.0.0.1:5432/millrace');
  });

  it('has a port that is one', () => {
    expect(() => urlOf({ POSTGRES_HOST: 'db', POSTGRES_PORT: 'x' })).toThrow(
      'POSTGRES_PORT: must be a whole',
    );
  });
});
