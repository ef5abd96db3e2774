import { describe, expect, test } from 'vitest'
import { BOARD_WORD, boardSlot, createBoard } from '../../runtime/board.ts'
import { createHangWatch, TICK_MS } from '../../runtime/hang-watch.ts'

const BUDGET_MS = 1_000
const TICKS = BUDGET_MS / TICK_MS

function watched() {
  const slot = boardSlot(createBoard(), 1)
  const watch = createHangWatch()
  const look = (waiting: boolean) => watch.look('a', slot, waiting, BUDGET_MS)
  return { slot, look, looks: (count: number, waiting: boolean) => Array.from({ length: count }, () => look(waiting)) }
}

describe('hang watch', () => {
  test('an actor without a sign of life while a turn runs hangs after its budget, not before', () => {
    const { slot, looks } = watched()
    slot.set(BOARD_WORD.Turn, 3)
    expect(looks(TICKS + 1, false)).toEqual(Array(TICKS + 1).fill('fine'))
    expect(looks(1, false)).toEqual(['hung'])
  })

  test('only ticks count: however long the host was suspended between two, nobody is held to have hung', () => {
    const { slot, looks } = watched()
    slot.set(BOARD_WORD.Turn, 3)
    expect(looks(2, true)).toEqual(['fine', 'asleep'])
  })

  test('one that beats, or has nothing to do, is fine for ever', () => {
    const { slot, look, looks } = watched()
    for (let tick = 0; tick < 3 * TICKS; tick++) {
      slot.add(BOARD_WORD.Beat, 1)
      expect(look(true)).toBe('fine')
    }
    expect(looks(3 * TICKS, false)).toEqual(Array(3 * TICKS).fill('fine'))
  })

  test('one that is parked while messages wait is nudged, never ended', () => {
    const { slot, looks } = watched()
    slot.set(BOARD_WORD.Parked, 5)
    expect(looks(4 * TICKS, true)).toEqual(['fine', ...Array(4 * TICKS - 1).fill('asleep')])
  })

  test('a new incarnation starts with its full budget', () => {
    const { slot, looks } = watched()
    slot.set(BOARD_WORD.Turn, 3)
    looks(TICKS, true)
    slot.set(BOARD_WORD.Incarnation, 9)
    expect(looks(TICKS + 1, true)).not.toContain('hung')
  })
})
