import { createHmac } from 'node:crypto';

/**
 * The value of the header `Millrace-Signature`: `t=<seconds since the epoch>,v1=<HMAC-SHA256 in hex>` of `<t>.<body>`. Who checks it
 * refuses old times, so that nobody can send it again.
 */
export function signatureOf(secret: string, body: string, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}
