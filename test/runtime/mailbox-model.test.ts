import { describe, expect, test } from 'vitest'
import * as heldTable from '../../runtime/mailbox/held-table.ts'
import { mailboxViolation, playMailbox, type Death, type MailboxScenario } from './mailbox-model.ts'
import { mutate } from './rings/mutant.ts'

const deathsUpTo = (stores: number): Death[] =>
  Array.from({ length: stores }, (_, at) => [false, true].map((after) => ({ store: at + 1, after }))).flat()

/** Every history with up to two deaths; the first violation, with the deaths that led to it. */
function explore(table: typeof heldTable, scenario: MailboxScenario): { histories: number; violation: string | null } {
  // No life has more stores than these.
  const all = deathsUpTo(scenario.records * 7)
  let histories = 0
  for (const first of all) {
    for (const second of [undefined, ...all]) {
      const deaths = second === undefined ? [first] : [first, second]
      histories++
      try {
        const violation = mailboxViolation(scenario, playMailbox(table, scenario, deaths))
        if (violation !== null) return { histories, violation: `${violation} after ${JSON.stringify(deaths)}` }
      } catch (error) {
        return { histories, violation: `${String(error)} after ${JSON.stringify(deaths)}` }
      }
    }
  }
  return { histories, violation: null }
}

const scenarios: readonly MailboxScenario[] = [true, false].flatMap((redeliver) => [
  { records: 3, cells: 4, pending: 0, redeliver },
  { records: 3, cells: 4, pending: 2, redeliver },
  // Cells are used again before the ring is empty.
  { records: 4, cells: 2, pending: 1, redeliver },
])

test.each(scenarios)('one or two deaths, at every store: %j', (scenario) => {
  const { histories, violation } = explore(heldTable, scenario)
  expect(violation).toBe(null)
  expect(histories).toBeGreaterThan(1_000)
})

describe('mutants are caught', () => {
  const found = (table: typeof heldTable, change: Partial<MailboxScenario> = {}): string | null =>
    scenarios.map((scenario) => explore(table, { ...scenario, ...change }).violation).find((each) => each !== null) ??
    null

  test('gives the room back before the cell is published', () => {
    expect(found(heldTable, { advancesFirst: true })).toMatch(/lost/)
  })

  test.each([
    [
      'publishes the cell before it is written',
      '      const base = at(cell, 0)\n      sequence = (sequence + 1) | 0',
      '      const base = at(cell, 0)\n      atomics.store(words, base + CELL.state, CellState.Held)\n      sequence = (sequence + 1) | 0',
    ],
    ['does not know what it holds', 'left.some((cell) => isRecord(cell, lane, record))', 'false'],
    ['forgets that a handler ran', 'words[base + CELL.state] = CellState.Interrupted', ''],
    ['frees cells without saying so', 'atomics.store(words, at(cell, CELL.state), CellState.Free)', ''],
    ['does not mark what it starts', 'void atomics.store(words, at(cell, CELL.state), CellState.Started)', 'undefined'],
    ['loses the order of arrival', 'left.sort(', '[...left].sort('],
    [
      'counts arrivals from the beginning in each life',
      'left.length > 0 ? words[at(left.at(-1)!, CELL.sequence)]! : 0',
      '0',
    ],
  ])('one that %s', async (_name, from, to) => {
    expect(found((await mutate('held-table', from, to)) as typeof heldTable)).not.toBe(null)
  })
})
