/**
 * The shared board: what must be readable of every actor at once, without a message. One slot per actor, in one
 * SharedArrayBuffer that every thread of the system has.
 *
 *   slot (3 lines of 128 bytes)
 *   ├── line 0: parked                        the sleeper and whoever wakes it (rings/waiting.ts)
 *   ├── line 1: beat, turn, messages…         written by the actor's thread only
 *   └── line 2: incarnation, state, restarts  written by the supervisor only
 *
 * Counters are 32 bits and wrap.
 */
import type { ActorStats } from './actor-system.ts'
import { LINE_BYTES } from './rings/layout.ts'

const LINE_WORDS = LINE_BYTES / 4

export const BOARD_WORD = {
  Parked: 0,
  /** Moves with every round of the actor's loop: a sign of life. */
  Beat: LINE_WORDS,
  /** Cell of the message whose synchronous turn is running, plus one; 0 between turns. */
  Turn: LINE_WORDS + 1,
  MessagesIn: LINE_WORDS + 2,
  MessagesOut: LINE_WORDS + 3,
  Redelivered: LINE_WORDS + 4,
  DeadLetters: LINE_WORDS + 5,
  InFlight: LINE_WORDS + 6,
  Incarnation: 2 * LINE_WORDS,
  State: 2 * LINE_WORDS + 1,
  Restarts: 2 * LINE_WORDS + 2,
} as const
export type BoardWord = (typeof BOARD_WORD)[keyof typeof BOARD_WORD]

const SLOT_WORDS = 3 * LINE_WORDS
/** Actors alive at the same time, the host included. */
export const BOARD_SLOTS = 512

const STATES = [
  'starting',
  'running',
  'restarting',
  'stopped',
  'failed',
] as const satisfies readonly ActorStats['state'][]

/** One actor's slot. */
export interface BoardSlot {
  readonly words: Int32Array
  /** Index of the parked word in `words`. */
  readonly parkedIndex: number
  get(word: BoardWord): number
  set(word: BoardWord, value: number): void
  add(word: BoardWord, count: number): void
  /** As `set`, without making others see it at once: for words that are written with every message. */
  put(word: BoardWord, value: number): void
}

export function createBoard(): SharedArrayBuffer {
  return new SharedArrayBuffer(BOARD_SLOTS * SLOT_WORDS * 4)
}

export function boardSlot(board: SharedArrayBuffer, slot: number): BoardSlot {
  const words = new Int32Array(board)
  const base = slot * SLOT_WORDS
  return {
    words,
    parkedIndex: base + BOARD_WORD.Parked,
    get: (word) => Atomics.load(words, base + word),
    set: (word, value) => void Atomics.store(words, base + word, value),
    // Each word has one writer, so a plain addition loses nothing; readers may see it a moment later.
    add: (word, count) => void (words[base + word]! += count),
    put: (word, value) => void (words[base + word] = value),
  }
}

export function resetSlot(slot: BoardSlot): void {
  for (const word of Object.values(BOARD_WORD)) slot.set(word, 0)
}

export function setState(slot: BoardSlot, state: ActorStats['state']): void {
  slot.set(BOARD_WORD.State, STATES.indexOf(state))
}

export function readStats(name: string, slot: BoardSlot, queueDepth: number): ActorStats {
  return {
    name,
    incarnation: slot.get(BOARD_WORD.Incarnation),
    state: STATES[slot.get(BOARD_WORD.State)] ?? 'failed',
    restarts: slot.get(BOARD_WORD.Restarts),
    messagesIn: slot.get(BOARD_WORD.MessagesIn) >>> 0,
    messagesOut: slot.get(BOARD_WORD.MessagesOut) >>> 0,
    redelivered: slot.get(BOARD_WORD.Redelivered) >>> 0,
    deadLetters: slot.get(BOARD_WORD.DeadLetters) >>> 0,
    queueDepth,
    inFlight: slot.get(BOARD_WORD.InFlight),
  }
}
