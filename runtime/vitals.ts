/**
 * Heap and CPU of a thread, put on the board by the thread itself: once a second while it works, never while it sleeps (nothing
 * changes then, and a timer would wake it).
 */
import { getHeapStatistics } from 'node:v8'
import { BOARD_WORD, type BoardSlot } from './board.ts'
import type { Clock } from './common/clock.ts'

const SAMPLE_MS = 1_000

export interface Vitals {
  /** The thread has worked: sample soon. Cheap. */
  readonly touch: () => void
  /** Counts time that the thread slept in `Atomics.wait`. */
  readonly dozed: (ms: number) => void
}

export function createVitals(slot: BoardSlot, clock: Clock): Vitals {
  let armed = false
  let dozedMs = 0

  function sample(): void {
    armed = false
    const { user, system } = process.threadCpuUsage()
    slot.put(BOARD_WORD.CpuMs, Math.round((user + system) / 1000))
    slot.put(BOARD_WORD.HeapKib, Math.round(getHeapStatistics().used_heap_size / 1024))
    slot.put(BOARD_WORD.ParkedMs, Math.round(dozedMs))
  }

  return {
    touch() {
      if (armed) return
      armed = true
      clock.setTimer(SAMPLE_MS, sample)
    },
    dozed: (ms) => void (dozedMs += ms),
  }
}
