import { createServer } from 'node:net';

/** A port nobody listened on a moment ago. For servers that cannot choose one themselves: retry when it was lost. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string')
          reject(new Error('The port probe has no address.'));
        else resolve(address.port);
      });
    });
  });
}
