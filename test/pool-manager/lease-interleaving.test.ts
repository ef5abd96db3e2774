/** Every interleaving of holders, the pool and their deaths over the lease table; mutants of the protocol are caught. */
import { describe, expect, test } from 'vitest'
import {
  INCARNATION_SHIFT,
  leaseRegionBytes,
  MODEL_SLOTS,
  MODEL_USES,
  MODELS_AT,
  MODEL_STATE,
  HEADER_USE_CLOCK,
  slotsAt,
  slotWord,
  STATE_CODE,
  STATE_MASK,
  WANTED,
} from '../../actors/pool-manager/lease-layout.ts'
import { Acquire, type AtomicsLike, LeaseTable } from '../../actors/pool-manager/lease-table.ts'
import { explore, type Exploration, type Memory, type Program, type Said } from './lease-explorer.ts'

const SLOTS_AT = slotsAt(1)
const STATE_AT = MODELS_AT + MODEL_STATE
const A = 7
const B = 8
const tokens: Readonly<Record<string, number>> = { A: slotWord(A, 1), B: slotWord(B, 1) }

const quiet = (at: number): boolean =>
  at === HEADER_USE_CLOCK || at === MODELS_AT + MODEL_SLOTS || (at >= MODELS_AT + MODEL_USES && at < SLOTS_AT)

function hotModel(slots: number): { region: SharedArrayBuffer; memory: Memory; expected: number } {
  const region = new SharedArrayBuffer(leaseRegionBytes(1))
  const table = new LeaseTable(region)
  const index = table.row('model')!
  table.setSlots(index, slots)
  table.publish(index, STATE_CODE.hot)
  return { region, memory: nonZero(region), expected: table.stateWord(index) }
}

function nonZero(region: SharedArrayBuffer): Memory {
  return new Map([...new Uint32Array(region).entries()].filter(([, word]) => word !== 0))
}

type Acquirer = (table: LeaseTable, expected: number, token: number, atomics: AtomicsLike) => number
type Releaser = (table: LeaseTable, slot: number, token: number, atomics: AtomicsLike) => boolean

const honestAcquire: Acquirer = (table, expected, token) => table.acquire(0, expected, token, 0)
const honestRelease: Releaser = (table, slot, token) => table.release(0, slot, token)

/** Takes a lease if it can, frees it again, and tells the pool whenever the table says so. */
function holder(
  name: 'A' | 'B',
  model: ReturnType<typeof hotModel>,
  acquire = honestAcquire,
  release = honestRelease,
): Program {
  const token = tokens[name]!
  return {
    name,
    mortal: true,
    run(atomics, say) {
      const table = new LeaseTable(model.region, atomics)
      const slot = acquire(table, model.expected, token, atomics)
      if (slot === Acquire.ClosedTellPool) say('tell')
      if (slot < 0) return
      say(`held${slot}`)
      if (release(table, slot, token, atomics)) say('tell')
    },
  }
}

function unloader(model: ReturnType<typeof hotModel>, closeFirst = true): Program {
  return {
    name: 'pool',
    run(atomics, say) {
      const table = new LeaseTable(model.region, atomics)
      if (closeFirst) table.publish(0, STATE_CODE.cooling, true)
      const held = table.held(0)
      if (!closeFirst) table.publish(0, STATE_CODE.cooling, true)
      say(held === 0 ? 'unloaded' : 'waiting')
    },
  }
}

/** Runs after that holder's death, on the pool's thread, hence after the pool's turn. */
function reclaimer(name: 'A' | 'B', incarnation: number, model: ReturnType<typeof hotModel>): Program {
  return {
    name: `reclaim${name}`,
    when: (said) => has(said, name, 'died') && said.some(({ who }) => who === 'pool'),
    run: (atomics) => void new LeaseTable(model.region, atomics).reclaim(0, (holder) => holder === incarnation),
  }
}

const has = (said: readonly Said[], who: string, what: string): boolean =>
  said.some((one) => one.who === who && one.what === what)

const slotWords = (memory: Memory): readonly number[] =>
  [...memory].filter(([at, word]) => at >= SLOTS_AT && word !== 0).map(([, word]) => word)

/** Who believes to hold which slot, and does. */
function leases(memory: Memory, said: readonly Said[]): readonly number[] {
  return ['A', 'B'].flatMap((who) =>
    said
      .filter((one) => one.who === who && one.what.startsWith('held') && !has(said, who, 'died'))
      .map((one) => Number(one.what.slice(4)))
      .filter((slot) => memory.get(SLOTS_AT + slot) === tokens[who]),
  )
}

function checkUnload(model: ReturnType<typeof hotModel>) {
  return (memory: Memory, said: readonly Said[], ended: boolean): void => {
    // I2: nobody holds a lease on what is unloaded.
    if (has(said, 'pool', 'unloaded') && leases(memory, said).length > 0) throw new Error('lease on an unloaded model')
    // I1: each believer's slot holds his token (or he has freed it), and no slot has two believers.
    const held = leases(memory, said)
    if (new Set(held).size !== held.length) throw new Error('two holders of one slot')
    if (!ended) return
    if (slotWords(memory).length > 0) throw new Error('a slot leaked')
    // I3: a waiting pool was told, or saw a death.
    const told = said.some(({ what }) => what === 'tell' || what === 'died')
    if (has(said, 'pool', 'waiting') && !told) throw new Error('lost wake-up')
    if ((memory.get(STATE_AT)! & (STATE_MASK | WANTED)) !== (STATE_CODE.cooling | WANTED)) throw new Error('bad state')
    if (memory.get(STATE_AT)! >>> 8 !== model.expected >>> 8) throw new Error('generation changed while cooling')
  }
}

function exploreUnload(
  slots: number,
  change: Partial<Record<'acquire' | 'release' | 'pool', unknown>> = {},
): Exploration {
  const model = hotModel(slots)
  const acquire = (change.acquire ?? honestAcquire) as Acquirer
  const release = (change.release ?? honestRelease) as Releaser
  const programs = [
    holder('A', model, acquire, release),
    holder('B', model, acquire, release),
    unloader(model, change.pool === undefined),
    reclaimer('A', A, model),
    reclaimer('B', B, model),
  ]
  return explore({ memory: model.memory, programs, quiet, check: checkUnload(model) })
}

describe('unloading while two holders take and free, each of whom may die at any step', () => {
  test.each([1, 2])('%i slots: no violation in any interleaving', (slots) => {
    const { states, ends } = exploreUnload(slots)
    expect(states).toBeGreaterThan(1_000)
    expect(ends).toBeGreaterThan(10)
  })

  test('caught: a holder that does not read the state again', () => {
    const acquire: Acquirer = (table, expected, token, atomics) => {
      if (table.stateWord(0) !== expected) return Acquire.Closed
      return atomics.compareExchange(new Uint32Array(0), SLOTS_AT, 0, token) === 0 ? 0 : Acquire.Full
    }
    expect(() => exploreUnload(1, { acquire })).toThrow('lease on an unloaded model')
  })

  test('caught: a holder that looks whether it is wanted before it frees', () => {
    const release: Releaser = (table, slot, token, atomics) => {
      const wanted = table.wanted(0)
      atomics.compareExchange(new Uint32Array(0), SLOTS_AT + slot, token, 0)
      return wanted
    }
    expect(() => exploreUnload(1, { release })).toThrow('lost wake-up')
  })

  test('caught: a pool that counts before it closes', () => {
    expect(() => exploreUnload(1, { pool: 'count first' })).toThrow('lease on an unloaded model')
  })
})

describe('offers', () => {
  function exploreOffer(claimBlindly: boolean): Exploration {
    const model = hotModel(1)
    const offerOf = (said: readonly Said[]): boolean => has(said, 'pool', 'offered')
    const offer = { modelIndex: 0, slot: 0, token: slotWord(B, 1, 0x8000) }
    const programs: Program[] = [
      holder('A', model),
      {
        name: 'pool',
        run(atomics, say) {
          const table = new LeaseTable(model.region, atomics)
          table.publish(0, STATE_CODE.hot, true)
          say(table.offer(0, B, 1, false) === null ? 'queued' : 'offered')
        },
      },
      {
        name: 'B',
        mortal: true,
        when: offerOf,
        run(atomics, say) {
          const table = new LeaseTable(model.region, atomics)
          if (claimBlindly) atomics.store(new Uint32Array(0), SLOTS_AT, tokens.B!)
          if (claimBlindly || table.claim(0, offer.slot, offer.token)) say('held0')
        },
      },
      {
        name: 'timer',
        when: offerOf,
        run(atomics, say) {
          if (new LeaseTable(model.region, atomics).withdraw(offer)) say('withdrawn')
        },
      },
      reclaimer('A', A, model),
      reclaimer('B', B, model),
    ]
    const check = (memory: Memory, said: readonly Said[], ended: boolean): void => {
      if (has(said, 'timer', 'withdrawn') && leases(memory, said).length > 0 && has(said, 'B', 'held0')) {
        throw new Error('claimed and withdrawn')
      }
      if (!ended) return
      const holders = slotWords(memory).map((word) => word >>> INCARNATION_SHIFT)
      const lives = has(said, 'B', 'held0') && !has(said, 'B', 'died')
      if (holders.join() !== (lives ? `${B}` : '')) throw new Error(`held by ${holders.join()} in the end`)
      if (has(said, 'pool', 'queued') && !has(said, 'A', 'tell') && !has(said, 'A', 'died'))
        throw new Error('lost wake-up')
    }
    return explore({ memory: model.memory, programs, quiet, check })
  }

  test('a holder, an offer, its claim, its withdrawal and deaths: no violation in any interleaving', () => {
    expect(exploreOffer(false).states).toBeGreaterThan(300)
  })

  test('caught: a claim that does not compare', () => {
    expect(() => exploreOffer(true)).toThrow(/claimed and withdrawn|held by/)
  })
})

test('what was known of an earlier residency takes no lease on a later one', () => {
  const model = hotModel(2)
  const programs: Program[] = [
    holder('A', model),
    {
      name: 'pool',
      run(atomics, say) {
        const table = new LeaseTable(model.region, atomics)
        table.publish(0, STATE_CODE.cooling, true)
        if (table.held(0) > 0) return
        table.publish(0, STATE_CODE.cold)
        table.publish(0, STATE_CODE.warming)
        table.publish(0, STATE_CODE.hot)
        say('moved')
      },
    },
  ]
  const check = (memory: Memory, said: readonly Said[]): void => {
    if (has(said, 'pool', 'moved') && leases(memory, said).length > 0) throw new Error('lease on the wrong residency')
  }
  expect(explore({ memory: model.memory, programs, quiet, check }).states).toBeGreaterThan(100)
})
