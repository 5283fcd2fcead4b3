// Who may import whom: section "Layout" of the design. Each comment says what the rule protects;
// `--output-type err-long` prints it below the violation.
const SPEC = '\\.spec(ification)?\\.ts$';

/** Packages of others resolve below node_modules; our own, through their links, to libs/x/dist/index.d.ts. */
const PACKAGE = (name) => `(^|/)node_modules/${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment:
        'Two files that need each other are one file, or hide a third: a cycle also makes ESM initialisation order matter.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'Nobody imports this file and it imports nobody: it is dead, or its entry point is missing.',
      from: { orphan: true, pathNot: ['(^|/)(index|main|config)\\.ts$', SPEC, '\\.d\\.ts$'] },
      to: {},
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      comment: 'This import leads nowhere; every other rule is blind to what it cannot resolve.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      comment:
        'The domain decides from its arguments alone, so that a fold gives the same state on every machine: it imports nothing but itself, not even node: modules.',
      from: { path: '^libs/domain/src/', pathNot: SPEC },
      to: { pathNot: '^libs/domain/src/' },
    },
    {
      name: 'domain-specs-stay-pure',
      severity: 'error',
      comment: 'A decider is tested with given/when/then and properties: jest and fast-check, no IO.',
      // The one spec that reads files compares the documents with the code.
      from: { path: `^libs/domain/src/.*${SPEC}`, pathNot: '^libs/domain/src/documents\\.unit\\.spec\\.ts$' },
      to: { pathNot: ['^libs/domain/src/', PACKAGE('(fast-check|@jest/globals)')] },
    },
    {
      name: 'apps-are-separate',
      severity: 'error',
      comment:
        'Apps are processes that meet in the log, never in memory: what two of them need belongs in a lib.',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-know-no-apps',
      severity: 'error',
      comment:
        'Imports go one way, from processes to layers: a lib that needs an app has its code in the wrong place.',
      from: { path: '^(libs|samples)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'one-entrance',
      severity: 'error',
      comment:
        'A workspace is what its src/index.ts exports (libs/worker has a second entrance for the test kit): a deep import turns its insides into a promise.',
      from: { path: '^((?:libs|apps)/[^/]+|samples|test)/' },
      to: {
        path: '^((libs|apps)/[^/]+|samples|test)/(src|dist)/',
        pathNot: [
          '^$1/',
          '^((libs|apps)/[^/]+|samples|test)/(src/index\\.ts|dist/index\\.d\\.ts)$',
          '^libs/worker/dist/testkit/index\\.d\\.ts$',
        ],
      },
    },
    {
      name: 'typeorm-only-in-read-model',
      severity: 'error',
      comment:
        'Postgres holds a copy that can be thrown away and folded again: only libs/read-model knows how it is stored.',
      from: { pathNot: '^libs/read-model/' },
      to: { path: PACKAGE('(typeorm|@nestjs/typeorm)') },
    },
    {
      name: 'pg-only-in-read-model',
      severity: 'error',
      comment:
        'SQL stands beside the tables it speaks of, in libs/read-model. libs/embedded and libs/testing may use pg to prepare a server.',
      from: { pathNot: '^libs/(read-model|embedded|testing)/' },
      to: { path: PACKAGE('(pg|@types/pg)') },
    },
    {
      name: 'nats-only-in-log',
      severity: 'error',
      comment:
        'Server codes, JsMsg and subjects are translated in libs/log: everybody else speaks of tasks and events.',
      from: { pathNot: '^libs/log/' },
      to: { path: PACKAGE('@nats-io') },
    },
    {
      name: 'worker-cannot-see-postgres',
      severity: 'error',
      comment:
        'Workers run on machines that reach NATS and nothing else: the log is the queue, so no worker needs the read model.',
      from: { path: '^(libs/worker|apps/worker|samples)/' },
      to: { path: ['^libs/read-model/', PACKAGE('(typeorm|pg|@types/pg)')] },
    },
    {
      name: 'read-model-sees-only-domain',
      severity: 'error',
      comment:
        'A projection is a function of a row and an event; where events come from is the concern of the projector. So the read model can be rebuilt, and tested, without a broker.',
      from: { path: '^libs/read-model/', pathNot: SPEC },
      to: { path: '^(libs|apps|samples|test)/', pathNot: '^libs/(read-model|domain)/' },
    },
    {
      name: 'log-sees-only-domain',
      severity: 'error',
      comment: 'The log carries the facts of the domain and depends on nothing that reads them.',
      // Its specs run on a real nats-server, and libs/testing depends on the log: they start one themselves.
      from: { path: '^libs/log/', pathNot: [SPEC, '^libs/log/src/testing/'] },
      to: { path: '^(libs|apps|samples|test)/', pathNot: '^libs/(log|domain)/' },
    },
    {
      name: 'tests-stay-in-tests',
      severity: 'error',
      comment:
        'Servers, fixtures and signals of the test suites, and the test kit of handlers, must never reach a production process.',
      from: {
        path: '^(libs|apps|samples)/',
        pathNot: [
          '^libs/testing/',
          '^libs/worker/src/testkit/',
          '^apps/gateway/src/testing/',
          '^apps/projector/src/testing/',
          SPEC,
        ],
      },
      to: {
        path: [
          '^libs/testing/',
          '^apps/gateway/src/testing/',
          '^apps/projector/src/testing/',
          '^libs/worker/(src|dist)/testkit/',
          '^test/',
          SPEC,
          PACKAGE('(@jest/globals|fast-check)'),
        ],
      },
    },
    {
      name: 'testkit-brings-no-servers',
      severity: 'error',
      comment:
        'Users test their handlers with it in any test runner: it needs none of ours, and no server either.',
      from: { path: '^libs/worker/src/testkit/', pathNot: SPEC },
      to: { path: ['^libs/testing/', '^test/', SPEC, PACKAGE('(@jest/globals|fast-check)')] },
    },
    {
      name: 'no-vague-names',
      severity: 'error',
      comment:
        'A folder named common, shared, utils, helpers or core has no noun, so everything ends up in it.',
      from: { path: '(^|/)(common|shared|utils?|helpers?|core)(/|\\.ts$)' },
      to: {},
    },
  ],
  options: {
    // Not followed rather than excluded: an import of a workspace leads to its dist, and the rules must see it.
    // So they need a build first, which `npm run check` does.
    exclude: { path: '(^|/)(coverage|\\.millrace)/' },
    doNotFollow: { path: ['(^|/)node_modules/', '(^|/)dist/'] },
    tsConfig: { fileName: 'tsconfig.base.json' },
    // Imports of types count too: a layer is crossed all the same.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['main', 'types'],
    },
  },
};
