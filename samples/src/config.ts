import { join, resolve } from 'node:path';
import { readConfig } from '@millrace/runtime';
import { z } from 'zod';

/** Where the samples read and write. Both are absolute paths. */
export interface SamplesConfig {
  /** Tasks name documents relative to this folder and never reach outside it. */
  documentsRoot: string;
  /** Each task writes its files into a folder of its own in here. */
  resultsDir: string;
  /** Where file_archive notes each chunk that it works on, for who wants to count them; usually nowhere. */
  effectsFile?: string;
}

const DEFAULT_DATA_DIR = '.millrace';

/** Their variables: docs/reference/configuration.md is made from them. */
export const Environment = z.object({
  MILLRACE_DOCUMENTS_ROOT: z
    .string()
    .default('.')
    .describe('Folder of the documents that tasks may read; the working directory by default'),
  MILLRACE_RESULTS_DIR: z
    .string()
    .optional()
    .describe('Folder of the files that tasks write; `results` in the data directory by default'),
  MILLRACE_SAMPLE_EFFECTS: z
    .string()
    .optional()
    .describe('File to which file_archive appends a line for each chunk that it works on; none by default'),
  MILLRACE_DATA_DIR: z.string().default(DEFAULT_DATA_DIR).describe('Folder of all data'),
});

/** @throws ConfigError with all faults of the environment */
export function samplesConfig(env: NodeJS.ProcessEnv = process.env): Readonly<SamplesConfig> {
  const read = readConfig(Environment, env);
  return Object.freeze({
    documentsRoot: resolve(read.MILLRACE_DOCUMENTS_ROOT),
    resultsDir: resolve(read.MILLRACE_RESULTS_DIR ?? join(read.MILLRACE_DATA_DIR, 'results')),
    ...(read.MILLRACE_SAMPLE_EFFECTS !== undefined && { effectsFile: resolve(read.MILLRACE_SAMPLE_EFFECTS) }),
  });
}
