import { createServer } from 'node:net';
import { PortTakenError } from '@millrace/embedded';

/** Fails with one sentence when another program listens there, on loopback or on all addresses. */
export async function requireFreePort(port: number, variable: string): Promise<void> {
  for (const host of ['127.0.0.1', undefined]) {
    if (await isTaken(port, host)) throw new PortTakenError(port, variable);
  }
}

function isTaken(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(true);
      else reject(error);
    });
    probe.listen({ port, host }, () => {
      probe.close(() => {
        resolve(false);
      });
    });
  });
}
