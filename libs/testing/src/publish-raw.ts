import { once } from 'node:events';
import { connect } from 'node:net';

/** What is published as it is, whatever our codec would say of it. */
export interface RawMessage {
  subject: string;
  body: string;
}

const LIMIT_MS = 10_000;

/** Publishes messages in order, in the protocol itself; resolves once the server has read them all. */
export async function publishRaw(url: string, messages: readonly RawMessage[]): Promise<void> {
  const { hostname, port, username, password } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`No answer from ${hostname}:${port}.`)));
  await once(socket, 'connect');
  const login = { verbose: false, user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  const pubs = messages.map(
    ({ subject, body }) => `PUB ${subject} ${Buffer.byteLength(body)}\r\n${body}\r\n`,
  );
  socket.write(`CONNECT ${JSON.stringify(login)}\r\n${pubs.join('')}PING\r\n`);
  let heard = '';
  for await (const chunk of socket) {
    heard += String(chunk);
    if (heard.includes('-ERR')) throw new Error(heard.slice(heard.indexOf('-ERR')));
    if (heard.includes('PONG\r\n')) break;
  }
  socket.destroy();
}
