/** Asking a peer that may crash in the middle: the ask is idempotent, so it is simply made again. */
import { PitError, sleep, type ActorContext, type Random } from '../../runtime/index.ts'

const TRIES_MAX = 30
const DELAY_MS = 20
const DELAY_MAX_MS = 1_000
const TRANSIENT: ReadonlySet<string> = new Set([
  'ACTOR_RESTARTED',
  'ACTOR_STOPPED',
  'ACTOR_NOT_FOUND',
  'DEADLINE_EXCEEDED',
  'MAILBOX_FULL',
])

export function isTransient(error: unknown): error is PitError {
  return error instanceof PitError && TRANSIENT.has(error.code)
}

/** Wait before try number `tries` (from 1): doubling, half of it chance, so that many askers do not come back at once. */
export function backoffMs(tries: number, random: Random): number {
  const delayMs = Math.min(DELAY_MS * 2 ** (tries - 1), DELAY_MAX_MS)
  return delayMs / 2 + random.next() * (delayMs / 2)
}

/** Makes the ask again while its peer restarts or is out of reach, about 25 s in all; then the last error is thrown. */
export async function persist<T>(ctx: ActorContext, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (!isTransient(error) || tries >= TRIES_MAX || ctx.stopping.aborted) throw error
      await sleep(ctx.clock, backoffMs(tries, ctx.random), ctx.stopping)
    }
  }
}
