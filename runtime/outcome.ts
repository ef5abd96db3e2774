/** An actor's answer to the supervisor on its way up: what it said, or that it died before it could. */
import { describe, errorFromWire, PitError } from './common/errors.ts'
import { fail } from './errors.ts'
import type { Outcome } from './wiring.ts'

/**
 * A call to a dead life never settles: its end settles it, or `late`.
 * Rejects with what the actor said, or `INIT_FAILED`.
 */
export async function untilExit<T>(
  actor: string,
  call: Promise<Outcome<T>>,
  exited: Promise<Error | null>,
  late?: { readonly passed: Promise<false>; readonly afterMs: number },
): Promise<T> {
  /** A configuration that cannot be cloned. */
  const notSent = (cause: unknown): never => {
    throw fail('INIT_FAILED', { actor, reason: describe(cause) }, { cause })
  }
  const diedEarly = (cause: Error | null): never => {
    if (cause instanceof PitError) throw cause
    const reason = cause?.message ?? 'the thread ended'
    throw fail('INIT_FAILED', { actor, reason }, { cause: cause ?? undefined })
  }
  const heard = [call.catch(notSent), exited.then(diedEarly)]
  const outcome = await Promise.race(late === undefined ? heard : [...heard, late.passed])
  if (outcome === false) throw fail('INIT_FAILED', { actor, reason: `no answer within ${late?.afterMs} ms` })
  if (outcome.ok) return outcome.value
  throw errorFromWire(outcome.error)
}
