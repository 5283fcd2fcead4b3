// Jest finishes one runner before it starts the next; this one keeps a single worker, so that the suites it
// is given run alone. CommonJS because jest requires a runner by path.
const { default: TestRunner } = require('jest-runner');

module.exports = class OneAtATime extends TestRunner {
  constructor(globalConfig, context) {
    super({ ...globalConfig, maxWorkers: 1 }, context);
  }
};
