// tsc -b compiles the specs with the code; jest only runs what stands in dist. Nothing is transformed, so what
// is tested is what runs, decorator metadata included.
const shared = {
  roots: ['<rootDir>/libs', '<rootDir>/apps', '<rootDir>/samples', '<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/'],
  // Copies of package.json in data directories of the embedded servers must not collide in the haste map.
  modulePathIgnorePatterns: ['/\\.millrace/'],
  testEnvironment: 'node',
  transform: {},
};

const CHAOS = 'test/dist/chaos/chaos.e2e.spec.js';

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...shared,
      displayName: 'suites',
      testMatch: ['**/dist/**/*.spec.js'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, CHAOS],
    },
    {
      ...shared,
      displayName: 'chaos',
      testMatch: [`**/${CHAOS}`],
      // Not beside others: two systems at once are under harm here, and a worker that others starve looks dead.
      runner: '<rootDir>/jest.one-at-a-time.cjs',
    },
  ],
  filter: '<rootDir>/jest.filter.cjs',
  globalSetup: '<rootDir>/jest.set-up.js',
  globalTeardown: '<rootDir>/jest.tear-down.js',
  testTimeout: 60_000,
  // Two cores are busy with three: suites wait a good part of their time.
  maxWorkers: 3,
  // Of tests that are concurrent: the scenarios of the chaos tests.
  maxConcurrency: 2,
  // A worker that has to free a large heap on a busy machine is not one that hangs: jest gives it half a second.
  workerGracefulExitTimeout: 5_000,
};
