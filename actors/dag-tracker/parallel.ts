/**
 * How much runs at once: slots (per run, and over all runs), and time slices, so that thousands of short nodes in a row
 * do not keep commands from being heard.
 *
 * I1. `active` never exceeds the limit; `peak` is the highest it ever was.
 */
import type { Clock } from '../../runtime/index.ts'

export interface Slots {
  readonly active: number
  readonly peak: number
  readonly max: number
  /** Takes a slot, or returns false when there is none. */
  enter(): boolean
  leave(): void
  /** Calls back once, as soon as a slot is left after this. */
  whenLeft(resume: () => void): void
}

/** @param parent takes a slot there too: a run's slots lie inside the tracker's. */
export function createSlots(max: number, parent?: Slots): Slots {
  let active = 0
  let peak = 0
  const waiting = new Set<() => void>()
  return {
    get active() {
      return active
    },
    get peak() {
      return peak
    },
    max,
    enter() {
      if (active >= max || parent?.enter() === false) return false
      active++
      peak = Math.max(peak, active)
      return true
    },
    leave() {
      active--
      parent?.leave()
      const resumed = [...waiting]
      waiting.clear()
      for (const resume of resumed) resume()
    },
    whenLeft(resume) {
      if (parent !== undefined && active < max) return parent.whenLeft(resume)
      waiting.add(resume)
    },
  }
}

export interface Slices {
  /** True while the current slice lasts; else false, and `resume` is called in the next one. */
  mayRun(resume: () => void): boolean
}

const SLICE_MS = 8

export function createSlices(clock: Clock, sliceMs = SLICE_MS): Slices {
  let sliceEndsAt: number | null = null
  const waiting = new Set<() => void>()

  function next(): void {
    sliceEndsAt = null
    const resumed = [...waiting]
    waiting.clear()
    for (const resume of resumed) resume()
  }

  return {
    mayRun(resume) {
      const now = clock.monotonicMs()
      if (sliceEndsAt === null) {
        sliceEndsAt = now + sliceMs
        // Fires when the event loop turns: after this burst of microtasks, however long it takes.
        clock.setTimer(0, next, { ref: true })
      }
      if (now < sliceEndsAt) return true
      waiting.add(resume)
      return false
    },
  }
}
