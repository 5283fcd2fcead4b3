import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ConfigError } from '@millrace/runtime';
import { workerConfig } from './config.js';
import type { WorkerConfig } from './config.js';
import { help } from './help.js';
import { settings } from './settings.js';
import type { Setting } from './settings.js';

const configOf = (args: string, env: NodeJS.ProcessEnv = {}): WorkerConfig => {
  const read = workerConfig(args.split(' ').filter(Boolean), env);
  if (read.asked) throw new Error(`Only ${read.asked} was asked for.`);
  return read.config;
};

const faultsOf = (args: string, env: NodeJS.ProcessEnv = {}): readonly string[] => {
  try {
    configOf(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
};

describe('the settings of a worker', () => {
  it('have defaults', () => {
    expect(configOf('')).toEqual({
      handlers: ['@millrace/samples'],
      prefetch: 0,
      burst: false,
      drainSeconds: 10,
      logLevel: 'info',
      logFormat: 'json',
      natsUrl: 'nats://127.0.0.1:4222',
      leaseSeconds: 30,
      quietSeconds: 10,
      webhooks: false,
      metricsHost: '127.0.0.1',
    });
  });

  it('are read from the command line', () => {
    const args =
      'start --queues a,b --concurrency 8 --prefetch=4 --burst --labels gpu=true,zone=eu --drain-seconds 2.5 --soft-time-limit 60 ' +
      '--time-limit 90 --log-level warn --handlers ./one.js,two --max-tasks-per-child 10 --max-memory-per-child 2GB --name mill-1';
    expect(configOf(args)).toMatchObject({
      queues: ['a', 'b'],
      concurrency: 8,
      prefetch: 4,
      burst: true,
      labels: { gpu: 'true', zone: 'eu' },
      drainSeconds: 2.5,
      softTimeLimit: 60,
      timeLimit: 90,
      logLevel: 'warn',
      handlers: ['./one.js', 'two'],
      maxTasksPerChild: 10,
      maxMemoryPerChildBytes: 2 * 1024 ** 3,
      name: 'mill-1',
    });
  });

  it('come from the environment where the command line is silent', () => {
    const env = {
      MILLRACE_QUEUES: 'a',
      MILLRACE_CONCURRENCY: '3',
      MILLRACE_BURST: '1',
      MILLRACE_LABELS: '',
      NATS_URL: 'nats://mill:4222',
    };
    expect(configOf('--queues b', env)).toMatchObject({
      queues: ['b'],
      concurrency: 3,
      burst: true,
      natsUrl: 'nats://mill:4222',
    });
    expect(configOf('--burst=false', env).burst).toBe(false);
  });

  it.each([
    ['1048576', 1024 ** 2],
    ['2048000KB', 2_048_000 * 1024],
    ['512mb', 512 * 1024 ** 2],
  ])('take %s for an amount of memory', (text, bytes) => {
    expect(configOf(`--max-memory-per-child ${text}`).maxMemoryPerChildBytes).toBe(bytes);
  });

  it('that are wrong are told all at once, each in a sentence that names where it stands', () => {
    const args =
      '--concurrency many --queus a --prefetch -1 --labels gpu --time-limit 0 --log-level loud --queues A here';
    expect(faultsOf(args, { MILLRACE_DRAIN_SECONDS: 'soon', MILLRACE_MAX_MEMORY_PER_CHILD: '2 PB' })).toEqual(
      [
        'There is no option --queus.',
        '"here" is not understood: options begin with --.',
        '--queues must be names of 1 to 64 of the characters a-z, 0-9, _ and -, separated by commas, not "A".',
        '--concurrency must be a whole number from 1 to 10000, not "many".',
        '--prefetch must be a whole number from 0 to 100000, not "-1".',
        '--labels must be labels such as gpu=true, separated by commas, not "gpu".',
        'MILLRACE_DRAIN_SECONDS must be a number of seconds, 0 or more, not "soon".',
        '--time-limit must be a number of seconds above 0, not "0".',
        'MILLRACE_MAX_MEMORY_PER_CHILD must be a number of bytes, or one with KB, MB or GB behind it, not "2 PB".',
        '--log-level must be one of trace, debug, info, warn, error, not "loud".',
      ],
    );
  });

  it('that lack their value say what it would be', () => {
    expect(faultsOf('--queues --burst')).toEqual(['--queues needs a value: --queues a,b.']);
    expect(faultsOf('--concurrency=')).toEqual(['--concurrency needs a value: --concurrency N.']);
  });

  it('do not let a handler be asked to stop after it was ended', () => {
    expect(faultsOf('--soft-time-limit 90', { MILLRACE_TIME_LIMIT: '60' })).toEqual([
      '--soft-time-limit must not be longer than the time limit, not "90".',
    ]);
  });
});

describe('the help', () => {
  it('is told instead of a worker, as is the version, whatever else is wrong', () => {
    expect(workerConfig(['--help', '--nonsense'], {})).toEqual({ asked: 'help' });
    expect(workerConfig(['-h'], {})).toEqual({ asked: 'help' });
    expect(workerConfig(['--version'], {})).toEqual({ asked: 'version' });
  });

  it('has every option and every variable', () => {
    for (const setting of Object.values(settings)) {
      expect(help()).toContain(setting.variable);
      if ('option' in setting) expect(help()).toContain(`--${setting.option}`);
    }
  });
});

describe('docs/reference/worker.md', () => {
  const page = readFileSync(new URL('../../../docs/reference/worker.md', import.meta.url), 'utf8');

  it('shows every setting with what it means', () => {
    const rows = page.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
    for (const setting of Object.values<Setting>(settings))
      expect(rows).toContainEqual(expect.stringContaining(`| \`${setting.variable}\` | ${setting.help} |`));
    for (const { option } of Object.values<Setting>(settings))
      if (option !== undefined) expect(page).toContain(`| \`--${option}`);
  });
});
