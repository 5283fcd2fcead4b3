import { settings } from './settings.js';
import type { Setting } from './settings.js';

const all = Object.values<Setting>(settings);
const optionOf = ({ option, value }: Setting): string =>
  `--${option}${value === undefined ? '' : ` ${value}`}`;

/** What `--help` prints. */
export const help = (): string =>
  [
    'Usage: node apps/worker/dist/main.js [start] [options]',
    '',
    'Runs tasks until it is stopped. SIGTERM and SIGINT drain it; a second one ends it at once.',
    '',
    'Options, each with the variable that stands in for it:',
    ...all
      .filter(({ option }) => option !== undefined)
      .flatMap((setting) => [`  ${optionOf(setting)}`, `      ${setting.help} [${setting.variable}]`]),
    '  --help, --version',
    '',
    'Variables without an option:',
    ...all
      .filter(({ option }) => option === undefined)
      .flatMap(({ variable, help }) => [`  ${variable}`, `      ${help}`]),
    '',
    'It exits with 0 after a clean stop and when a burst is done, with 2 when its settings are wrong, else with 1.',
    '',
  ].join('\n');
