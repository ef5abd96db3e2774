/**
 * Who hangs, and who sleeps through a message.
 *
 * Time is counted in the supervisor's own ticks, never in wall time: when the machine is suspended or the host is blocked,
 * no tick passes, and nobody is held to have hung. An actor hangs when it shows no sign of life for longer than its
 * `blockingBudgetMs` while a turn runs or messages wait for it. One that shows none for a tick while messages wait may
 * sleep through a bell that was lost with its ringer: it is nudged, which costs a living actor nothing.
 */
import { BOARD_WORD, type BoardSlot } from './board.ts'

export const TICK_MS = 250

/** What one tick finds of one actor. */
export type Sign = 'fine' | 'asleep' | 'hung'

export interface HangWatch {
  /** Looks at the actor once per tick; `waiting` says whether anything waits for it. */
  look(name: string, slot: BoardSlot, waiting: boolean, blockingBudgetMs: number): Sign
  forget(name: string): void
}

interface Seen {
  beat: number
  turn: number
  incarnation: number
  ticks: number
}

export function createHangWatch(): HangWatch {
  const seen = new Map<string, Seen>()
  return {
    look(name, slot, waiting, blockingBudgetMs) {
      const parked = slot.get(BOARD_WORD.Parked) !== 0
      const turn = slot.get(BOARD_WORD.Turn)
      const beat = slot.get(BOARD_WORD.Beat)
      const incarnation = slot.get(BOARD_WORD.Incarnation)
      const last = seen.get(name)
      const same = last?.beat === beat && last.turn === turn && last.incarnation === incarnation
      if (!same || (turn === 0 && !waiting)) {
        seen.set(name, { beat, turn, incarnation, ticks: 0 })
        return 'fine'
      }
      if (!parked) last.ticks++
      if (last.ticks * TICK_MS > blockingBudgetMs) return 'hung'
      return waiting ? 'asleep' : 'fine'
    },
    forget: (name) => void seen.delete(name),
  }
}
