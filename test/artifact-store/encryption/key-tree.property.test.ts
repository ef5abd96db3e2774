import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKeyTree, LEAVES, rootNode } from '../../../actors/artifact-store/encryption/key-tree.ts'

const ROOT = Buffer.alloc(32, 7)
const leaf = fc.oneof(fc.nat(LEAVES - 1), fc.nat(40), fc.constantFrom(0, 15, 16, 255, 256, 4095, 4096, LEAVES - 1))
const hex = (key: Uint8Array | null): string | null => (key === null ? null : Buffer.from(key).toString('hex'))

test('every leaf has a key of its own, the same in whatever order they are asked for', () => {
  const inOrder = createKeyTree([rootNode(ROOT)])
  const keys = Array.from({ length: 5000 }, (_, index) => hex(inOrder.key(index)))
  expect(new Set(keys).size).toBe(5000)
  fc.assert(
    fc.property(fc.array(fc.nat(4999), { maxLength: 50 }), (indexes) => {
      const tree = createKeyTree([rootNode(ROOT)])
      for (const index of indexes) expect(hex(tree.key(index))).toBe(keys[index])
    }),
    { numRuns: 50 },
  )
})

test('what is destroyed is gone, all others stay the same, and no kept node leads to a destroyed one', () => {
  const whole = createKeyTree([rootNode(ROOT)])
  fc.assert(
    fc.property(
      fc.array(leaf, { maxLength: 12 }),
      fc.array(leaf, { maxLength: 12 }),
      fc.array(leaf),
      (one, two, asked) => {
        const tree = whole.without(one).without(two)
        const destroyed = new Set([...one, ...two])
        for (const index of [...destroyed, ...asked]) {
          expect(hex(tree.key(index))).toBe(destroyed.has(index) ? null : hex(whole.key(index)))
        }
        for (const { depth, prefix } of tree.nodes) {
          const bits = 4 * (4 - depth)
          expect([...destroyed].filter((index) => index >>> bits === prefix)).toEqual([])
        }
        expect(tree.nodes.length).toBeLessThanOrEqual(1 + 60 * destroyed.size)
      },
    ),
    { numRuns: 100 },
  )
})
