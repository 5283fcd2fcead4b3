/** A server that could not be started, in one sentence a newcomer can act on. */
export class EmbeddedServerError extends Error {
  override readonly name: string = 'EmbeddedServerError';
}

/** The wanted port belongs to another program. Never raised for port 0, which takes any free one. */
export class PortTakenError extends EmbeddedServerError {
  override readonly name = 'PortTakenError';

  constructor(
    readonly port: number,
    variable: string,
  ) {
    super(
      `Port ${String(port)} is already in use: set ${variable} to a free port, or stop what listens there.`,
    );
  }
}

/** The data folder already has a living owner; two servers on the same files would destroy them. */
export class DataDirInUseError extends EmbeddedServerError {
  override readonly name = 'DataDirInUseError';

  constructor(dataDir: string, ownerPid: number) {
    super(
      `${dataDir} is in use by process ${String(ownerPid)}: stop that one first, or use another data folder.`,
    );
  }
}

/** No nats-server that is new enough was found, and no way to fetch one worked: one line per way tried. */
export class NatsServerNotFoundError extends EmbeddedServerError {
  override readonly name = 'NatsServerNotFoundError';

  constructor(
    minimum: string,
    readonly attempts: readonly string[],
  ) {
    super(
      `No nats-server ${minimum} or newer was found, and none could be fetched:\n` +
        attempts.map((attempt) => `  - ${attempt}`).join('\n') +
        `\nInstall one (https://docs.nats.io) and name it in MILLRACE_NATS_SERVER.`,
    );
  }
}
