/** A variable of the environment, as the reference shows it. */
export interface SettingRow {
  variable: string;
  default: string;
  meaning: string;
}

/** A process, its variables, and how it reads them: fails with all faults in one message. */
export interface AppSettings {
  app: string;
  rows: SettingRow[];
  read: (env: NodeJS.ProcessEnv) => unknown;
}

/** What is used here of a zod schema, whose class may be another copy. */
interface Schema {
  shape: Record<
    string,
    {
      description?: string;
      meta: () => { shownDefault?: string } | undefined;
      safeParse: (value: undefined) => { data?: unknown };
    }
  >;
}
type Env = NodeJS.ProcessEnv;
type Read = (env: Env) => unknown;

/** All settings of all processes. Apps are programs, which nobody imports: they are loaded from where they are run. */
export async function allSettings(): Promise<AppSettings[]> {
  // One after the other: jest mixes up modules that are loaded at the same time.
  const gateway = await load<{ readGatewayConfig: Read }>('apps/gateway/dist/config.js');
  const projector = await load<{ readProjectorConfig: Read }>('apps/projector/dist/config.js');
  const scheduler = await load<{ readSchedulerConfig: Read }>('apps/scheduler/dist/config.js');
  const standalone = await load<{ readStandaloneConfig: Read }>('apps/standalone/dist/config.js');
  const samples = await load<{ samplesConfig: Read }>('samples/dist/config.js');
  const worker = await load<{ workerConfig: (args: string[], env: Env) => unknown }>(
    'apps/worker/dist/config.js',
  );
  const workerSettings = await load<{ settings: Record<string, { variable: string; help: string }> }>(
    'apps/worker/dist/settings.js',
  );
  return [
    { app: 'standalone', rows: rowsOf(standalone.Environment), read: standalone.readStandaloneConfig },
    { app: 'gateway', rows: rowsOf(gateway.Environment), read: gateway.readGatewayConfig },
    {
      app: 'worker',
      rows: Object.values(workerSettings.settings).map(rowOfHelp),
      read: (env) => worker.workerConfig([], env),
    },
    { app: 'scheduler', rows: rowsOf(scheduler.Environment), read: scheduler.readSchedulerConfig },
    { app: 'projector', rows: rowsOf(projector.Environment), read: projector.readProjectorConfig },
    { app: 'samples', rows: rowsOf(samples.Environment), read: samples.samplesConfig },
  ];
}

const load = async <Module>(path: string): Promise<Module & { Environment: Schema }> =>
  (await import(new URL(`../../../${path}`, import.meta.url).href)) as Module & { Environment: Schema };

const rowsOf = ({ shape }: Schema): SettingRow[] =>
  Object.entries(shape).map(([variable, setting]) => ({
    variable,
    default: setting.meta()?.shownDefault ?? textOf(setting.safeParse(undefined).data),
    meaning: setting.description ?? '',
  }));

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? `${value}` : '';

/** The help of an option ends with its default. */
function rowOfHelp({ variable, help }: { variable: string; help: string }): SettingRow {
  const [, meaning = help, value = ''] = /^(.*) \(default (.*)\)$/.exec(help) ?? [];
  return { variable, default: value, meaning };
}
