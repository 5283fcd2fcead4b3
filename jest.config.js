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

/** @type {import('jest').Config} */
export default {
  projects: [
    {
      ...shared,
      displayName: 'parts',
      testMatch: ['**/dist/**/*.spec.js'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, '\\.e2e\\.spec\\.js$'],
    },
    {
      ...shared,
      displayName: 'whole',
      testMatch: ['**/dist/**/*.e2e.spec.js'],
      // Every end-to-end suite starts a broker, Postgres and all processes: two at once would starve each other.
      runner: '<rootDir>/jest.one-at-a-time.cjs',
    },
  ],
  filter: '<rootDir>/jest.filter.cjs',
  globalSetup: '<rootDir>/jest.set-up.js',
  globalTeardown: '<rootDir>/jest.tear-down.js',
  testTimeout: 60_000,
  maxWorkers: 2,
  // Of tests that are concurrent: the scenarios of the chaos tests.
  maxConcurrency: 2,
  // A worker that has to free a large heap on a busy machine is not one that hangs: jest gives it half a second.
  workerGracefulExitTimeout: 5_000,
};
