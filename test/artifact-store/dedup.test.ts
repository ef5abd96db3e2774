import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openStore, put, tempDir } from './fixture.ts'

test('logical counts every put, unique every content; the ratio is theirs', async () => {
  const { store } = await openStore()
  expect(await store.stats({})).toMatchObject({ artifacts: 0, logicalBytes: 0, uniqueBytes: 0, ratio: 1 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 30 }), async (contents) => {
      const before = await store.stats({})
      const news = await Promise.all(contents.map((content) => store.put({ content: Buffer.from(content) })))
      const after = await store.stats({})
      const newOnes = news.filter(({ isNew }) => isNew)
      expect(after.artifacts - before.artifacts).toBe(newOnes.length)
      expect(after.uniqueBytes - before.uniqueBytes).toBe(newOnes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
      expect(after.logicalBytes - before.logicalBytes).toBe(news.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
    }),
    { numRuns: 50 },
  )
  const { logicalBytes, uniqueBytes, ratio } = await store.stats({})
  expect(ratio).toBeCloseTo(logicalBytes / uniqueBytes, 12)
})

test('a duplicate takes no room for its content', async () => {
  const { store } = await openStore({ dataDir: tempDir() })
  const content = 'x'.repeat(100_000)
  await put(store, content)
  const once = (await store.stats({})).physicalBytes
  for (let i = 0; i < 10; i++) await put(store, content)
  const { physicalBytes, ratio } = await store.stats({})
  expect(physicalBytes - once).toBeLessThan(5000)
  expect(ratio).toBe(11)
})
