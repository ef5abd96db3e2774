/**
 * The shared board: what must be readable of every actor at once, without a message. One slot per actor, in one
 * SharedArrayBuffer that every thread of the system has.
 *
 *   slot (3 lines of 128 bytes, then two histograms)
 *   ├── line 0: parked, block bytes           written by this actor and those that send to it
 *   ├── line 1: beat, turn, messages…         written by the actor's thread only
 *   ├── line 2: incarnation, state, restarts  written by the supervisor only
 *   └── wait times, run times                 written by the actor's thread only (histogram.ts)
 *
 * Counters are 32 bits and wrap.
 */
import type { ActorStats, EventLoopTimes } from './actor-system.ts'
import { clearDistribution, HISTOGRAM_WORDS, readDistribution, recordTime, type TimeDistribution } from './histogram.ts'
import { LINE_BYTES } from './rings/layout.ts'

const LINE_WORDS = LINE_BYTES / 4

export const BOARD_WORD = {
  Parked: 0,
  /** Bytes of the blocks on their way to this actor or in its hands (blocks.ts, I4): added by senders, taken off by it. */
  BlockBytes: 1,
  /** Moves with every round of the actor's loop: a sign of life. */
  Beat: LINE_WORDS,
  /** Cell of the message whose synchronous turn is running, plus one; 0 between turns. */
  Turn: LINE_WORDS + 1,
  MessagesIn: LINE_WORDS + 2,
  MessagesOut: LINE_WORDS + 3,
  Redelivered: LINE_WORDS + 4,
  DeadLetters: LINE_WORDS + 5,
  InFlight: LINE_WORDS + 6,
  /** As of the last sample (vitals.ts). */
  HeapKib: LINE_WORDS + 7,
  CpuMs: LINE_WORDS + 8,
  /** Time a blocking actor was parked: its event loop counts it as busy. */
  ParkedMs: LINE_WORDS + 9,
  Incarnation: 2 * LINE_WORDS,
  State: 2 * LINE_WORDS + 1,
  Restarts: 2 * LINE_WORDS + 2,
} as const
export type BoardWord = (typeof BOARD_WORD)[keyof typeof BOARD_WORD]

/** Distributions of an actor's times; from the start of its slot. */
export const BOARD_TIMES = {
  /** From the sender's call to the start of the handler. */
  Wait: 3 * LINE_WORDS,
  /** From the start of the handler to its settlement. */
  Run: 3 * LINE_WORDS + HISTOGRAM_WORDS,
} as const
export type BoardTimes = (typeof BOARD_TIMES)[keyof typeof BOARD_TIMES]

const SLOT_WORDS = Math.ceil((3 * LINE_WORDS + 2 * HISTOGRAM_WORDS) / LINE_WORDS) * LINE_WORDS
/** Actors alive at the same time, the host included. */
export const BOARD_SLOTS = 512

const STATES = [
  'starting',
  'running',
  'restarting',
  'stopped',
  'failed',
  'zombie',
] as const satisfies readonly ActorStats['state'][]

/** One actor's slot. */
export interface BoardSlot {
  readonly words: Int32Array
  /** Index of the parked word in `words`. */
  readonly parkedIndex: number
  get(word: BoardWord): number
  set(word: BoardWord, value: number): void
  add(word: BoardWord, count: number): void
  /** As `add`, of a word that several threads write; returns what it was. */
  addShared(word: BoardWord, count: number): number
  /** As `set`, without making others see it at once: for words that are written with every message. */
  put(word: BoardWord, value: number): void
  time(times: BoardTimes, ms: number): void
  times(times: BoardTimes): TimeDistribution
  clearTimes(): void
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
    addShared: (word, count) => Atomics.add(words, base + word, count),
    put: (word, value) => void (words[base + word] = value),
    time: (times, ms) => recordTime(words, base + times, ms),
    times: (times) => readDistribution(words, base + times),
    clearTimes() {
      for (const times of Object.values(BOARD_TIMES)) clearDistribution(words, base + times)
    },
  }
}

export function resetSlot(slot: BoardSlot): void {
  for (const word of Object.values(BOARD_WORD)) slot.set(word, 0)
  slot.clearTimes()
}

export function setState(slot: BoardSlot, state: ActorStats['state']): void {
  slot.set(BOARD_WORD.State, STATES.indexOf(state))
}

/** Whether that incarnation of the slot's actor lives. The supervisor says that it does not before it tells anybody. */
export function lives(slot: BoardSlot, incarnation: number): boolean {
  const state = STATES[slot.get(BOARD_WORD.State)]
  return slot.get(BOARD_WORD.Incarnation) === incarnation && (state === 'starting' || state === 'running')
}

/** What waits in an actor's request rings, and what was dropped at them. */
export interface QueueDepth {
  readonly records: number
  readonly bytes: number
  readonly droppedNewest: number
  readonly droppedOldest: number
}

export function readStats(
  name: string,
  slot: BoardSlot,
  queue: QueueDepth,
  eventLoop: EventLoopTimes,
): Omit<ActorStats, 'metrics'> {
  // A blocking actor's parking looks busy to its event loop.
  const parkedMs = Math.min(eventLoop.activeMs, slot.get(BOARD_WORD.ParkedMs) >>> 0)
  return {
    name,
    incarnation: slot.get(BOARD_WORD.Incarnation),
    state: STATES[slot.get(BOARD_WORD.State)] ?? 'failed',
    restarts: slot.get(BOARD_WORD.Restarts),
    messagesIn: slot.get(BOARD_WORD.MessagesIn) >>> 0,
    messagesOut: slot.get(BOARD_WORD.MessagesOut) >>> 0,
    redelivered: slot.get(BOARD_WORD.Redelivered) >>> 0,
    deadLetters: slot.get(BOARD_WORD.DeadLetters) >>> 0,
    queueDepth: queue.records,
    queueBytes: queue.bytes,
    blockBytes: Math.max(0, slot.get(BOARD_WORD.BlockBytes)),
    droppedNewest: queue.droppedNewest,
    droppedOldest: queue.droppedOldest,
    inFlight: slot.get(BOARD_WORD.InFlight),
    waitTime: slot.times(BOARD_TIMES.Wait),
    runTime: slot.times(BOARD_TIMES.Run),
    eventLoop: { activeMs: eventLoop.activeMs - parkedMs, idleMs: eventLoop.idleMs + parkedMs },
    heapUsedBytes: slot.get(BOARD_WORD.HeapKib) * 1024,
    cpuMs: slot.get(BOARD_WORD.CpuMs) >>> 0,
  }
}
