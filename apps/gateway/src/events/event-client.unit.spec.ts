import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { EventClient } from './event-client.js';
import { FrameBuffer, measured } from './frame-buffer.js';

const LIMITS = { frames: 3, bytes: 100 };
const frame = (sequence: number) => measured(`<${sequence}>`);

/** A socket whose other end reads only when it is told to. */
class Socket extends Writable {
  text = '';
  #taken: (() => void) | undefined;

  constructor(private isSlow = false) {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.text += chunk.toString();
    if (this.isSlow) this.#taken = taken;
    else taken();
  }

  read(): void {
    this.isSlow = false;
    this.#taken?.();
  }
}

const turn = (): Promise<void> => new Promise((go) => setImmediate(go));

describe('a buffer of frames', () => {
  it('gives them back in order, less what the client has', () => {
    const buffer = new FrameBuffer(LIMITS);
    for (const sequence of [4, 5, 7]) expect(buffer.push(frame(sequence), sequence)).toBe(true);
    expect(buffer.take(4)).toEqual({ text: '<5><7>', last: 7 });
    expect(buffer.isEmpty).toBe(true);
    expect(buffer.take(7)).toEqual({ text: '', last: 7 });
  });

  it('has room for so many frames', () => {
    const buffer = new FrameBuffer(LIMITS);
    const taken = [1, 2, 3, 4].map((sequence) => buffer.push(frame(sequence), sequence));
    expect(taken).toEqual([true, true, true, false]);
  });

  it('has room for so many bytes, and for one frame that is longer', () => {
    const buffer = new FrameBuffer(LIMITS);
    expect(buffer.push(measured('é'.repeat(60)), 1)).toBe(true);
    expect(buffer.push(frame(2), 2)).toBe(false);
    buffer.take(0);
    expect(buffer.push(measured('é'.repeat(30)), 3)).toBe(true);
    expect(buffer.push(measured('é'.repeat(30)), 4)).toBe(false);
  });

  it('has room again once it was emptied', () => {
    const buffer = new FrameBuffer(LIMITS);
    for (let round = 0; round < 50; round++) {
      for (const sequence of [1, 2, 3]) expect(buffer.push(frame(sequence), sequence)).toBe(true);
      buffer.clear();
    }
  });
});

describe('a client of events', () => {
  it('is sent live frames after what it missed, each once', async () => {
    const socket = new Socket();
    const client = new EventClient(socket, 3, LIMITS);
    client.offer(frame(5), 5);
    client.offer(frame(6), 6);
    await client.send('<4><5>', 5);
    expect(socket.text).toBe('<4><5>');
    client.goLive();
    client.offer(frame(6), 6);
    client.offer(frame(7), 7);
    await turn();
    expect(socket.text).toBe('<4><5><6><7>');
    expect(client.position).toBe(7);
  });

  it('that reads slowly gets all of it while it fits', async () => {
    const socket = new Socket(true);
    const client = new EventClient(socket, 0, LIMITS);
    client.goLive();
    for (const sequence of [1, 2, 3]) {
      client.offer(frame(sequence), sequence);
      await turn();
    }
    expect(socket.text).toBe('<1>');
    socket.read();
    await turn();
    expect(socket.text).toBe('<1><2><3>');
  });

  it('that reads too slowly is ended, and told after what to connect again', async () => {
    const socket = new Socket(true);
    const client = new EventClient(socket, 0, LIMITS);
    client.goLive();
    for (let sequence = 1; sequence <= 6; sequence++) {
      client.offer(frame(sequence), sequence);
      await turn();
    }
    expect(client.isEnded).toBe(true);
    socket.read();
    await turn();
    expect(socket.text).toMatch(/^<1>event: overflow\ndata: \{"resume_after":1,/);
    expect(socket.destroyed).toBe(true);
    expect(client.gone.aborted).toBe(true);
  });

  it('that is slow misses what is worth nothing later', async () => {
    const socket = new Socket(true);
    const client = new EventClient(socket, 0, LIMITS);
    client.offerIfQuick(measured('<early>'));
    client.goLive();
    client.offer(frame(1), 1);
    await turn();
    client.offerIfQuick(measured('<late>'));
    socket.read();
    await turn();
    client.offerIfQuick(measured('<now>'));
    await turn();
    expect(socket.text).toBe('<1><now>');
  });

  it('is shown a sign of life, and how far it is once it has all', async () => {
    const socket = new Socket();
    const client = new EventClient(socket, 2, LIMITS);
    client.beat(9);
    client.goLive();
    client.beat(9);
    client.offer(frame(9), 9);
    await turn();
    expect(socket.text).toBe(': heartbeat\n\n: heartbeat\nid: 9\n\n');
  });

  it('waits with what it missed for a socket that is full, until it closes', async () => {
    const socket = new Socket(true);
    const client = new EventClient(socket, 0, LIMITS);
    let isSent = false;
    const sending = client.send('<1>', 1).then(() => (isSent = true));
    await turn();
    expect(isSent).toBe(false);
    socket.destroy();
    await sending;
    client.offer(frame(2), 2);
    client.goLive();
    expect(socket.text).toBe('<1>');
  });

  it('of a socket that is closed already is gone', () => {
    const socket = new Socket();
    socket.destroy();
    expect(new EventClient(socket, 0, LIMITS).gone.aborted).toBe(true);
  });
});
