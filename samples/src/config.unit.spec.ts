import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { samplesConfig } from './config.js';

describe('the configuration of the samples', () => {
  it('reads the working directory and writes into the data directory by default', () => {
    expect(samplesConfig({})).toEqual({
      documentsRoot: process.cwd(),
      resultsDir: resolve('.millrace/results'),
    });
  });

  it('moves the results with the data directory, unless they have a folder of their own', () => {
    expect(samplesConfig({ MILLRACE_DATA_DIR: '/data' }).resultsDir).toBe('/data/results');
    expect(samplesConfig({ MILLRACE_DATA_DIR: '/data', MILLRACE_RESULTS_DIR: '/results' }).resultsDir).toBe(
      '/results',
    );
  });

  it('notes the effects of chunks only where it is told', () => {
    expect(samplesConfig({ MILLRACE_SAMPLE_EFFECTS: '/tmp/effects' }).effectsFile).toBe('/tmp/effects');
  });

  it('takes the root of the documents from the environment', () => {
    expect(samplesConfig({ MILLRACE_DOCUMENTS_ROOT: '/texts' }).documentsRoot).toBe('/texts');
  });
});
