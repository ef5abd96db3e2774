/** Planted bugs of the runtime itself, which the simulation must find. */
import { describe, expect, test, vi } from 'vitest'
import type * as ring from '../../runtime/rings/ring.ts'
import type * as held from '../../runtime/mailbox/held-table.ts'
import { driveBank, startBank } from './bank-drive.ts'
import { auditor } from './fixtures/bank.ts'

const mutant = vi.hoisted(() => ({ name: 'none' }))

vi.mock('../../runtime/rings/ring.ts', async (original) => {
  const real = await original<typeof ring>()
  const createConsumer: typeof ring.createConsumer = (...args) => {
    const consumer = real.createConsumer(...args)
    const advance = consumer.advance.bind(consumer)
    // A lost wake-up: who makes room never tells the producer that waits for it.
    consumer.advance = () => advance() && mutant.name !== 'silent room'
    return consumer
  }
  return { ...real, createConsumer }
})

vi.mock('../../runtime/mailbox/held-table.ts', async (original) => {
  const real = await original<typeof held>()
  const openHeldTable: typeof held.openHeldTable = (...args) => {
    const table = real.openHeldTable(...args)
    // What is in a cell and still in the ring is delivered from both.
    return { ...table, holds: (lane, record) => mutant.name !== 'twice' && table.holds(lane, record) }
  }
  return { ...real, openHeldTable }
})

/** The first seed that finds a problem, and what it says. */
async function hunt(check: (seed: number) => Promise<unknown>, seeds: number): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await check(seed)
    } catch (error) {
      return (error as Error).message
    }
  }
  return null
}

/** More tells than their lane holds: nobody answers, so only who makes room can wake the sender. */
async function flood(seed: number): Promise<void> {
  await using simulation = await startBank(seed)
  const { system } = simulation
  for (let n = 1; n <= 300; n++) system.ref(auditor).tell.note({ n })
  await simulation.advance(100)
  const taken = system.stats().find(({ name }) => name === 'auditor')?.messagesIn
  if (taken !== 300) throw new Error(`${taken} of 300 tells were taken`)
}

/** Kills the ledger at every store of its first steps that take messages. */
async function killed(seed: number): Promise<void> {
  let own = 0
  const plan = ({ actor, step }: { readonly actor: string; readonly step: number }) =>
    actor === 'ledger' && step > 28 && own++ === seed % 6
      ? ({ kind: 'crash', atStore: 1 + (seed >> 2) } as const)
      : null
  await driveBank(seed, { plan, rounds: 1, transfers: 10, expected: ['ACTOR_RESTARTED'] })
}

describe('a planted bug', () => {
  test.each([
    ['none', flood, null],
    ['silent room', flood, /of 300 tells were taken/],
    ['none', killed, null],
    ['twice', killed, /no reply|written twice|restarted/],
  ])('%s', async (name, check, problem) => {
    mutant.name = name
    const found = await hunt(check, problem === null ? 30 : 100)
    if (problem === null) expect(found).toBeNull()
    else expect(found).toMatch(problem)
  })
})
