/**
 * Work with a ticket: a message that has left its actor's held table and is kept by its asker instead.
 *
 *   asker                                     actor
 *   ask ────────────────────────────────────► cell: held, started; the handler's turn ends with a promise
 *   keeps the acceptance ◄─── accepted ────── in the ring, then the cell is free (mailbox/held-table.ts, I1)
 *   settles              ◄─── reply ───────── the promise settles
 *   death notice of that incarnation, after its replies: fails, or asks again under the same id
 *
 * I1. At every moment the cell or the asker answers for the message; for an instant both do. Then the next incarnation
 *     may find the cell and be asked again: `RecordFlag.Again` lets it drop the second while the first runs.
 * I2. Without `redeliver` the message is never sent again: the handler runs at most once.
 * I3. Crashes are counted over all lives: they travel with the acceptance and with the message that is asked again.
 */

/** What an actor says when it accepts. */
export interface Acceptance {
  readonly incarnation: number
  readonly redelivered: number
  readonly crashes: number
  /** The message's body, when it is to be asked again after a death. */
  readonly body: Uint8Array | null
}

export function acceptanceToWire({ incarnation, redelivered, crashes, body }: Acceptance): readonly unknown[] {
  return [incarnation, redelivered, crashes, body]
}

/** `undefined` for what is no acceptance. */
export function acceptanceFromWire(wire: unknown): Acceptance | undefined {
  if (!Array.isArray(wire)) return undefined
  const [incarnation, redelivered, crashes, body] = wire as readonly unknown[]
  if (typeof incarnation !== 'number' || typeof redelivered !== 'number' || typeof crashes !== 'number') {
    return undefined
  }
  return { incarnation, redelivered, crashes, body: body instanceof Uint8Array ? body : null }
}

/** Place of the counts in the body of a message that is asked again, after call, argument and context. */
const COUNTS_AT = 3

/** How often a message ran, and crashed its actor, before it was asked again. */
export interface RunsBefore {
  readonly redelivered: number
  readonly crashes: number
}

export const NO_RUNS: RunsBefore = Object.freeze({ redelivered: 0, crashes: 0 })

/** The body that asks again. */
export function bodyAgain(body: unknown, { redelivered, crashes }: RunsBefore): readonly unknown[] {
  const [call, arg, context = null] = body as readonly unknown[]
  return [call, arg, context, [redelivered, crashes]]
}

export function runsBefore(body: readonly unknown[]): RunsBefore {
  if (body.length <= COUNTS_AT) return NO_RUNS
  const counts = body[COUNTS_AT]
  if (!Array.isArray(counts)) return NO_RUNS
  const [redelivered, crashes] = counts as readonly unknown[]
  if (typeof redelivered !== 'number' || typeof crashes !== 'number') return NO_RUNS
  return { redelivered, crashes }
}
