/** The cache's plans, over random memories. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CachedModel, planRoom } from '../../actors/pool-manager/cache.ts'

const entry = fc.record({
  bytes: fc.integer({ min: 0, max: 50 }),
  lastUse: fc.integer({ min: 0, max: 1_000 }),
  leased: fc.boolean(),
  pinned: fc.boolean(),
  state: fc.constantFrom('hot', 'loading', 'leaving'),
})

const memory = fc
  .record({
    entries: fc.array(entry, { maxLength: 8 }),
    needBytes: fc.integer({ min: 0, max: 80 }),
    spareBytes: fc.integer({ min: 0, max: 60 }),
    sparePlaces: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ entries, needBytes, spareBytes, sparePlaces }) => {
    const models = entries.map(({ state, ...rest }, at): CachedModel => {
      return { model: `m${at}`, ...rest, inTransit: state !== 'hot', leaving: state === 'leaving' }
    })
    const used = models.reduce((sum, { bytes }) => sum + bytes, 0)
    const limits = { budgetBytes: used + spareBytes, loadedMax: Math.max(1, models.length + sparePlaces) }
    return { models, needBytes, limits }
  })

type Memory = typeof memory extends fc.Arbitrary<infer M> ? M : never

function fits({ models, needBytes, limits }: Memory, gone: readonly CachedModel[]): boolean {
  const rest = models.filter((model) => !gone.includes(model))
  const used = rest.reduce((sum, { bytes }) => sum + bytes, 0)
  return used + needBytes <= limits.budgetBytes && rest.length < limits.loadedMax
}

function subsets<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<readonly (readonly T[])[]>((all, item) => [...all, ...all.map((set) => [...set, item])], [[]])
}

describe('planRoom', () => {
  test('evicts only the idle, unpinned and settled; as few as can be; and then it fits', () => {
    fc.assert(
      fc.property(memory, (world) => {
        const plan = planRoom(world.models, world.needBytes, world.limits)
        const leaving = world.models.filter((model) => model.leaving)
        const idle = world.models.filter(({ leased, pinned, inTransit }) => !leased && !pinned && !inTransit)
        const working = subsets(idle).filter((set) => fits(world, [...leaving, ...set]))
        const fewest = Math.min(...working.map((set) => set.length))
        switch (plan.kind) {
          case 'fits':
            expect(fits(world, [])).toBe(true)
            break
          case 'evict': {
            const victims = plan.victims.map((id) => world.models.find(({ model }) => model === id)!)
            expect(victims.every((victim) => idle.includes(victim))).toBe(true)
            expect(fits(world, [...leaving, ...victims])).toBe(true)
            expect(victims.length).toBe(fewest)
            break
          }
          case 'wait':
            if (plan.for === 'leases') expect(working).toEqual([])
            else expect(fits(world, leaving)).toBe(true)
            break
          case 'never':
            expect(
              fits(
                world,
                world.models.filter(({ pinned }) => !pinned),
              ),
            ).toBe(false)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('among equals the least recently used go', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 3, maxLength: 8 }), (uses) => {
        const models = uses.map((lastUse, at) => {
          return { model: `m${at}`, bytes: 10, lastUse, leased: false, pinned: false, inTransit: false, leaving: false }
        })
        const plan = planRoom(models, 20, { budgetBytes: models.length * 10, loadedMax: Infinity })
        const oldest = [...models].sort((a, b) => a.lastUse - b.lastUse).slice(0, 2)
        expect(plan).toEqual({ kind: 'evict', victims: oldest.map(({ model }) => model) })
      }),
    )
  })
})
