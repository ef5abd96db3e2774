/**
 * Messages that reached nobody, or whose failure nobody waits for.
 *
 *   thread that finds one ──► board's counter (exact) ──► event in that thread ──► host: the last 256, and its listeners
 *
 * I1. The way to the host is bounded: `LETTERS_PER_SECOND` per thread, beyond it a letter is counted only.
 * I2. A digest is made for letters that somebody can look at, never for the others, and of 16 MiB a second at most.
 */
import { createHash } from 'node:crypto'
import { describe } from './common/errors.ts'
import type { Logger } from './common/logger.ts'
import { events } from './diagnostics.ts'

/**
 * - `actor-stopped`: the receiver is gone for good
 * - `not-reachable`: the sender may not send to it, or there is none
 * - `mailbox-full`: no room, also in the queue before it
 * - `dropped`: no room, and the sender chose to lose it
 * - `invalid`: it cannot be coded or decoded
 * - `unknown-handler`: the receiver has no handler of that name
 * - `expired`: its deadline passed before its turn
 * - `failed`: the handler of a tell threw
 * - `interrupted`: the receiver died in the turn of a tell that must not run twice
 * - `poison`: it ended its receiver too often
 * - `ring-corrupt`: it was in a lane whose memory was found damaged
 */
export type DeadLetterReason =
  | 'actor-stopped'
  | 'not-reachable'
  | 'mailbox-full'
  | 'dropped'
  | 'invalid'
  | 'unknown-handler'
  | 'expired'
  | 'failed'
  | 'interrupted'
  | 'poison'
  | 'ring-corrupt'

export interface DeadLetter {
  /** The receiver. */
  readonly actor: string
  /** Empty when that is not known. */
  readonly call: string
  readonly sender: string
  readonly reason: DeadLetterReason
  /** What went wrong, for people. */
  readonly detail: string
  /** SHA-256 of the body as it travelled, in hex; `null` when there was none, or too much of it at once. */
  readonly digest: string | null
  readonly bytes: number
  /** How often it ended its receiver. */
  readonly crashes: number
  /** Wall clock, in ms. */
  readonly at: number
}

/** What is known where it is found; the body is looked at only when somebody can see the letter (I2). */
export interface DeadLetterFacts extends Pick<DeadLetter, 'actor' | 'call' | 'sender' | 'reason' | 'detail'> {
  readonly crashes?: number
  readonly body?: () => Uint8Array | undefined
}

const LETTERS_PER_SECOND = 100
/** Hashing more would hold up the thread's messages. */
const DIGEST_BYTES_PER_SECOND = 16 * 1024 * 1024

export interface DeadLetterSource {
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly logger: Logger
  /** To the host. */
  readonly forward: (letter: DeadLetter) => void
}

/** A thread's reporter. The caller counts. */
export function createDeadLetterReport({ now, monotonicMs, logger, forward }: DeadLetterSource) {
  let windowAt = -Infinity
  let inWindow = 0
  let digestedBytes = 0

  /** Whether one more may go to the host now (I1). */
  function admitted(): boolean {
    const at = monotonicMs()
    if (at - windowAt >= 1000) {
      windowAt = at
      inWindow = 0
      digestedBytes = 0
    }
    return ++inWindow <= LETTERS_PER_SECOND
  }

  function digestOf(bytes: Uint8Array | undefined): string | null {
    if (bytes === undefined || digestedBytes + bytes.length > DIGEST_BYTES_PER_SECOND) return null
    digestedBytes += bytes.length
    return createHash('sha256').update(bytes).digest('hex')
  }

  return (facts: DeadLetterFacts): void => {
    const { crashes = 0, body, ...known } = facts
    const admit = admitted()
    if (!admit && !events['dead-letter'].hasSubscribers) return
    const bytes = body?.()
    const digest = digestOf(bytes)
    const letter: DeadLetter = { ...known, crashes, digest, bytes: bytes?.length ?? 0, at: now() }
    if (events['dead-letter'].hasSubscribers) events['dead-letter'].publish(letter)
    if (!admit) return
    logger.warn('dead letter', { ...known, crashes, digest, bytes: letter.bytes })
    forward(letter)
  }
}

const LETTERS_KEPT = 256

/** The host's box of dead letters. */
export interface DeadLetterBox {
  readonly add: (letter: DeadLetter) => void
  readonly list: () => readonly DeadLetter[]
  readonly listen: (onLetter: (letter: DeadLetter) => void) => () => void
}

export function createDeadLetterBox(logger: Logger): DeadLetterBox {
  const letters: DeadLetter[] = []
  const listeners = new Set<{ readonly onLetter: (letter: DeadLetter) => void }>()
  return {
    add(letter) {
      letters.push(letter)
      if (letters.length > LETTERS_KEPT) letters.shift()
      for (const { onLetter } of Array.from(listeners)) {
        try {
          onLetter(letter)
        } catch (error) {
          logger.error('a dead letter listener threw', { error: describe(error) })
        }
      }
    },
    list: () => [...letters],
    listen(onLetter) {
      const entry = { onLetter }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
  }
}
