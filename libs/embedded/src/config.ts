/** Where the shell would look for programs. */
export function searchPath(): string {
  return process.env.PATH ?? '';
}

/** The nats-server the specs are told to run; otherwise they find or fetch one. */
export function natsServerOfSpecs(): string | undefined {
  return process.env.MILLRACE_NATS_SERVER;
}
