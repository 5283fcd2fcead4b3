import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const SPECS = '**/*.spec.ts';
const TEST_CODE = [SPECS, 'libs/testing/**/*.ts', 'test/**/*.ts'];

// Subjects as JetStream sees them: a wildcard or at least three tokens, or a prefix left open for a value.
// Two plain tokens (`tasks.id`, `progress.json`) are somebody's ordinary key and pass.
const SUBJECT = String.raw`/^(?:tasks|timers|asks|progress|logs|ops)\.(?:$|[*>]|[\w-]+\.(?:$|[\w*>-]))/`;
const SUBJECT_MESSAGE = 'A subject is written once, in libs/log/src/topology.ts: use its functions.';

// no-restricted-syntax and no-restricted-imports are replaced, never merged, by a later block that sets them:
// every block below spells out its full list from these.
const syntax = {
  environment: [
    {
      // Handing the environment on to a child process, whole or spread, reads nothing from it.
      selector:
        "MemberExpression[object.name='process'][property.name='env']:not(SpreadElement > *):not(Property[key.name='env'] > *):not(Property[key.name='env'] > LogicalExpression > *)",
      message: 'The environment is read in config.ts, once, where every wrong variable is reported together.',
    },
  ],
  subjects: [
    { selector: `Literal[value=${SUBJECT}]`, message: SUBJECT_MESSAGE },
    { selector: `TemplateElement[value.raw=${SUBJECT}]`, message: SUBJECT_MESSAGE },
  ],
  everywhere: [
    {
      selector: 'TSEnumDeclaration',
      message: 'Write a union of string literals: it is what the wire carries.',
    },
  ],
  domain: [
    {
      selector: "NewExpression[callee.name='Date'][arguments.length=0]",
      message: 'The domain has no clock: time arrives in the metadata of the command.',
    },
    {
      selector: "CallExpression[callee.name='Date']",
      message: 'The domain has no clock: time arrives in the metadata of the command.',
    },
  ],
  specs: [
    {
      selector:
        "CallExpression[callee.object.name='jest'][callee.property.name=/^(mock|doMock|unstable_mockModule)$/]",
      message: 'No mocks of modules: use the in-memory adapter or the real server.',
    },
    {
      selector: 'CallExpression[callee.name=/^(it|test)$/] > Literal[value=/^should\\b/]',
      message: 'A test name is a sentence in the present: "is retried", not "should be retried".',
    },
  ],
};

const imports = {
  everywhere: [
    { name: 'node:process', importNames: ['env'], message: 'The environment is read in config.ts, once.' },
    {
      name: '@nestjs/common',
      importNames: ['forwardRef'],
      message: 'A forward reference hides a cycle: find the third module.',
    },
  ],
};

/** A rule switched off in the code carries its reason after `--`, like the ones switched off below. */
const reasonedDisable = {
  meta: { type: 'suggestion', schema: [], messages: { reason: 'Say why after `--`.' } },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/^\s*eslint-disable/.test(comment.value) && !/\s--\s+\S/.test(comment.value)) {
          context.report({ loc: comment.loc, messageId: 'reason' });
        }
      }
    },
  }),
};

export default defineConfig(
  globalIgnores(['**/dist/', '**/coverage/', '**/.millrace/', '.ci/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    plugins: { millrace: { rules: { 'reasoned-disable': reasonedDisable } } },
    rules: { eqeqeq: 'error', 'millrace/reasoned-disable': 'error' },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', URL: 'readonly', fetch: 'readonly' },
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        // What Nest injects by type must stay a value import; with these two, consistent-type-imports leaves
        // the imports of every file that has decorators alone.
        emitDecoratorMetadata: true,
        experimentalDecorators: true,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      // No `default` in a switch over a union: a new member must fail the build in every place that decides.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { allowDefaultCaseForExhaustiveSwitch: false, considerDefaultExhaustiveForUnions: false },
      ],
      // A Nest module is an empty class with a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Numbers print unambiguously; everything else is spelled out.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Consume loops run until they are stopped.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // `() => stop()` is how a callback is written; only statements and returns with braces confuse.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Lint agrees with tsc: an underscore marks what a signature forces on us.
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // Off: an interface is not assignable to a JSON record, a type is; both have their place here.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // Off: an in-memory adapter of an asynchronous port must refuse by rejection, so it is async without await.
      '@typescript-eslint/require-await': 'off',
      // Off: Nest declares its option bags, and TypeORM its rows, as classes that are filled with literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Past this a file is usually two ideas. Comments do not count: the TSDoc is wanted.
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-imports': ['error', { paths: imports.everywhere }],
      'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.subjects, ...syntax.environment],
    },
  },
  {
    files: ['libs/log/src/topology.ts'],
    rules: { 'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.environment] },
  },
  {
    files: ['**/config.ts'],
    // Without syntax.environment: this is its one reader.
    rules: {
      'no-restricted-imports': 'off',
      'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.subjects],
    },
  },
  {
    // The same fold must give the same state tomorrow and on another machine.
    files: ['libs/domain/src/**/*.ts'],
    ignores: [SPECS],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'The domain has no clock: time arrives in the command.' },
        { object: 'Math', property: 'random', message: 'Chance arrives as an argument.' },
      ],
      'no-restricted-globals': [
        'error',
        ...['process', 'crypto', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'fetch'].map(
          (name) => ({ name, message: 'The domain is pure: no process, clock, chance or network.' }),
        ),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: imports.everywhere,
          patterns: [{ group: ['node:*'], message: 'The domain is pure: it runs in any engine.' }],
        },
      ],
      'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.subjects, ...syntax.domain],
    },
  },
  {
    files: ['apps/standalone/**/*.ts', 'test/src/bench/**/*.ts', 'test/src/chaos/**/*.ts'],
    // Off: these talk to a person at a terminal.
    rules: { 'no-console': 'off' },
  },
  {
    files: TEST_CODE,
    rules: {
      // Without syntax.environment: tests start processes, and read where their servers stand.
      'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.subjects],
      // Off: a missing value fails the test anyway, and `events[0]!` reads better than a guard.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: [SPECS],
    rules: {
      // Off: a suite is a list, not an idea to split.
      'max-lines': 'off',
      // Subjects are public: a spec states them literally, as a reader of the stream would.
      'no-restricted-syntax': ['error', ...syntax.everywhere, ...syntax.specs],
    },
  },
  prettier,
);
