import { describe, expect, it } from '@jest/globals';
import { Round, runRound } from './scenario.js';
import { scenariosOfSuite } from './scenarios.js';

const LIMIT_MS = 240_000;
const seed = Number(process.env.MILLRACE_CHAOS_SEED ?? Math.floor(Math.random() * 1_000_000));

describe(`under harm (MILLRACE_CHAOS_SEED=${seed})`, () => {
  // Two at a time (see jest.config.js): most of what they do is wait.
  it.concurrent.each(scenariosOfSuite)(
    '$claim',
    async (scenario) => {
      const report = await runRound(scenario, new Round('short', seed));
      expect({ seed, faults: report.faults }).toEqual({ seed, faults: [] });
    },
    LIMIT_MS,
  );
});
