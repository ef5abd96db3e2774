/** The lease table against a simple model of it, over random histories. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LEASE_REGION, leaseRegionBytes, SLOTS_MAX } from '../../actors/pool-manager/lease-layout.ts'
import { slotWord, STATE_CODE } from '../../actors/pool-manager/lease-layout.ts'
import { Acquire, claimed, LeaseTable, nextSequence } from '../../actors/pool-manager/lease-table.ts'

const holders = [1, 2, 65_535]

const step = fc.oneof(
  fc.record({ kind: fc.constant('acquire' as const), holder: fc.constantFrom(...holders), from: fc.nat(20) }),
  fc.record({ kind: fc.constant('release' as const), at: fc.nat(99) }),
  fc.record({ kind: fc.constant('foreign release' as const), at: fc.nat(99) }),
  fc.record({ kind: fc.constant('offer' as const), holder: fc.constantFrom(...holders), arbitrated: fc.boolean() }),
  fc.record({ kind: fc.constant('claim' as const), at: fc.nat(99) }),
  fc.record({ kind: fc.constant('withdraw' as const), at: fc.nat(99) }),
  fc.record({ kind: fc.constant('die' as const), holder: fc.constantFrom(...holders) }),
)

describe('lease table', () => {
  test('holds what a plain map of slots holds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 120 }), (slots, steps) => {
        const table = new LeaseTable(new SharedArrayBuffer(leaseRegionBytes(2)))
        const index = table.row('model')!
        table.setSlots(index, slots)
        table.publish(index, STATE_CODE.hot)
        const word = table.stateWord(index)
        const held = new Map<number, { token: number; holder: number; offered: boolean }>()
        let sequence = 0
        const pick = (at: number) => [...held][at % Math.max(1, held.size)]
        for (const action of steps) {
          sequence = nextSequence(sequence)
          switch (action.kind) {
            case 'acquire': {
              const token = slotWord(action.holder, sequence)
              const slot = table.acquire(index, word, token, action.from)
              if (held.size === slots) expect(slot).toBe(Acquire.Full)
              else {
                expect(slot).toBeGreaterThanOrEqual(0)
                expect(slot).toBeLessThan(slots)
                expect(held.has(slot)).toBe(false)
                held.set(slot, { token, holder: action.holder, offered: false })
              }
              break
            }
            case 'offer': {
              const offer = table.offer(index, action.holder, sequence, action.arbitrated)
              expect(offer === null).toBe(held.size === slots)
              if (offer !== null) held.set(offer.slot, { token: offer.token, holder: action.holder, offered: true })
              break
            }
            case 'release': {
              const picked = pick(action.at)
              if (picked === undefined) break
              const [slot, { token }] = picked
              table.release(index, slot, token)
              held.delete(slot)
              expect(() => table.release(index, slot, token)).toThrow(
                expect.objectContaining({ code: 'LEASE_MISMATCH' }),
              )
              break
            }
            case 'foreign release': {
              const picked = pick(action.at)
              if (picked === undefined) break
              expect(() => table.release(index, picked[0], slotWord(77, 1))).toThrow()
              break
            }
            case 'claim': {
              const picked = pick(action.at)
              if (picked === undefined || !picked[1].offered) break
              const [slot, lease] = picked
              expect(table.claim(index, slot, lease.token)).toBe(true)
              expect(table.claim(index, slot, lease.token)).toBe(false)
              expect(table.withdraw({ modelIndex: index, slot, token: lease.token })).toBe(false)
              expect(table.stands({ modelIndex: index, slot, token: lease.token })).toBe(true)
              held.set(slot, { ...lease, token: claimed(lease.token), offered: false })
              break
            }
            case 'withdraw': {
              const picked = pick(action.at)
              if (picked === undefined || !picked[1].offered) break
              expect(table.withdraw({ modelIndex: index, slot: picked[0], token: picked[1].token })).toBe(true)
              held.delete(picked[0])
              break
            }
            case 'die': {
              const lost = [...held].filter(([, { holder }]) => holder === action.holder)
              expect(table.reclaim(index, (holder) => holder === action.holder)).toBe(lost.length)
              for (const [slot] of lost) held.delete(slot)
            }
          }
          expect(table.held(index)).toBe(held.size)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('rows belong to names, also for another view of the same memory', () => {
    const region = new SharedArrayBuffer(leaseRegionBytes(3))
    const table = new LeaseTable(region)
    const rows = ['a', 'b', 'c'].map((id) => table.row(id))
    expect(rows).toEqual([0, 1, 2])
    expect(table.row('d')).toBeNull()
    expect(['c', 'a', 'b'].map((id) => new LeaseTable(region).row(id))).toEqual([2, 0, 1])
  })

  test('a holder is succeeded by its next life only', () => {
    const table = new LeaseTable(new SharedArrayBuffer(leaseRegionBytes(1)))
    expect(table.noteHolder('dag-tracker', 5)).toBeNull()
    expect(table.noteHolder('host', 1)).toBeNull()
    expect(table.noteHolder('dag-tracker', 5)).toBeNull()
    expect(table.noteHolder('dag-tracker', 9)).toBe(5)
    expect(table.noteHolder('dag-tracker', 5)).toBeNull()
    expect(table.noteHolder('host', 1)).toBeNull()
  })

  test('a region that is too small or foreign is refused; the name and size are the contract', () => {
    expect(() => new LeaseTable(new SharedArrayBuffer(64))).toThrow(
      expect.objectContaining({ code: 'LEASE_REGION_INVALID' }),
    )
    const foreign = new SharedArrayBuffer(leaseRegionBytes(1))
    new Uint32Array(foreign)[0] = 42
    expect(() => new LeaseTable(foreign)).toThrow(/magic/)
    expect(LEASE_REGION).toBe('leases')
    expect(leaseRegionBytes(64)).toBeLessThan(300 * 1024)
    expect(new LeaseTable(new SharedArrayBuffer(leaseRegionBytes(64))).modelsMax).toBe(64)
    expect(SLOTS_MAX).toBe(1_024)
  })
})
