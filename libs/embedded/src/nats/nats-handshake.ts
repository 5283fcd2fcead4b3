import { connect } from 'node:net';

/** Resolves once the server greets a client with its INFO line; a listening port alone may still belong to nobody. */
export function awaitNatsGreeting(port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`No NATS greeting on port ${String(port)}.`)),
    );
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (!received.startsWith('INFO ')) return;
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error(`Port ${String(port)} closed without a NATS greeting.`));
    });
  });
}
