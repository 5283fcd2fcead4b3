import type { Client } from 'pg';
import type { AuditCommandRow } from '../audit/audit-command.entity.js';
import type { Lag } from '../projections/log-message.js';
import { OneAtATime } from '../projections/one-at-a-time.js';
import { beat } from '../projections/projection-lag.js';
import { OffsetMovedError, isUnstorable } from '../projections/projection-errors.js';
import type { OpsEventRow } from './ops-event.entity.js';
import { OPS_PROJECTION } from './ops-message.js';
import type { OpsMessage } from './ops-message.js';
import { insertCommands, insertNotes } from './ops-tables.js';

/**
 * Writes the stream `OPS` into `ops_events` and `audit_commands`, a transaction per batch, with the offset in it, which moves only from
 * where this writer believes it to be.
 */
export class OpsProjection {
  readonly #transactions = new OneAtATime();

  constructor(
    private readonly client: Client,
    private offset: number,
  ) {}

  /** Sequence of the last message that is in the tables. */
  get sequence(): number {
    return this.offset;
  }

  /**
   * Writes the notes, which must be in the order of the stream without a gap. What Postgres will never take is found by halving the batch.
   * Resolves with the sequences of those that were passed over.
   *
   * @throws OffsetMovedError when somebody else wrote meanwhile: begin anew from the offset in the table
   */
  apply(messages: readonly OpsMessage[], lag: Lag): Promise<number[]> {
    return this.#transactions.run(() => this.#apply(messages, lag));
  }

  /** A sign of life while nothing is to be written; the connection is for one at a time. */
  beat(lag: Lag): Promise<void> {
    return this.#transactions.run(() => beat(this.client, OPS_PROJECTION, lag));
  }

  async #apply(messages: readonly OpsMessage[], lag: Lag): Promise<number[]> {
    const fresh = messages.filter(({ sequence }) => sequence > this.offset);
    const last = fresh.at(-1);
    if (!last) return [];
    try {
      return await this.#write(fresh, last, lag);
    } catch (error) {
      await this.client.query('ROLLBACK').catch(() => undefined);
      if (!isUnstorable(error)) throw error;
      if (fresh.length === 1) return this.#apply([{ ...last, note: undefined }], lag);
      const half = Math.ceil(fresh.length / 2);
      const ignored = await this.#apply(fresh.slice(0, half), lag);
      return [...ignored, ...(await this.#apply(fresh.slice(half), lag))];
    }
  }

  async #write(messages: readonly OpsMessage[], last: OpsMessage, lag: Lag): Promise<number[]> {
    const notes: OpsEventRow[] = [];
    const commands: AuditCommandRow[] = [];
    const ignored: number[] = [];
    for (const { sequence, note } of messages) {
      if (!note) {
        ignored.push(sequence);
        continue;
      }
      const { commands: told, ...row } = note;
      notes.push({ sequence, ...row });
      for (const [place, command] of told.entries()) commands.push({ sequence, place, ...command });
    }
    await this.client.query('BEGIN');
    await this.#moveOffset(last, ignored.length, lag);
    if (notes.length > 0) await this.client.query(insertNotes(notes));
    if (commands.length > 0) await this.client.query(insertCommands(commands));
    await this.client.query('COMMIT');
    this.offset = last.sequence;
    return ignored;
  }

  async #moveOffset(last: OpsMessage, ignored: number, { lag_ms, lag_messages }: Lag): Promise<void> {
    const { rowCount } = await this.client.query({
      name: 'move-ops-offset',
      text: `UPDATE projections
             SET sequence = $3, fingerprint = $4, ignored = ignored + $5, lag_ms = $6, lag_messages = $7, updated_at = clock_timestamp()
             WHERE name = $1 AND sequence = $2`,
      values: [OPS_PROJECTION, this.offset, last.sequence, last.fingerprint(), ignored, lag_ms, lag_messages],
    });
    if (rowCount === 0) throw new OffsetMovedError(this.offset);
  }
}
