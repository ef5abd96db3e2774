import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createHotContent } from '../../actors/artifact-store/hot-content.ts'
import type { ContentHash } from '../../actors/artifact-store/index.ts'
import { damage, openStore, put, tempDir, text } from './fixture.ts'

const hash = (number: number): ContentHash => String(number).padStart(64, '0') as ContentHash

describe('content in memory', () => {
  test('is what was kept last, within its bound, the least recently used gone first', () => {
    const step = fc.record({ get: fc.boolean(), number: fc.nat(9), size: fc.nat(40) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const hot = createHotContent(100)
        let model: { readonly number: number; readonly size: number }[] = []
        for (const { get, number, size } of steps) {
          const known = model.find((each) => each.number === number)
          if (get) {
            expect(hot.get(hash(number))?.byteLength).toBe(known?.size)
            if (known !== undefined) model = [...model.filter((each) => each !== known), known]
          } else if (size <= 25) {
            hot.keep(hash(number), new Uint8Array(size))
            model = [...model.filter((each) => each !== known), { number, size }]
            while (model.reduce((sum, each) => sum + each.size, 0) > 100) model.shift()
          } else hot.keep(hash(number), new Uint8Array(size))
          expect(hot.bytes).toBe(model.reduce((sum, each) => sum + each.size, 0))
        }
      }),
    )
  })

  test('answers reads without the disk; a store without it reads the disk each time', async () => {
    for (const [cacheBytes, whole] of [
      [1024, true],
      [0, false],
    ] as const) {
      const dataDir = tempDir()
      const { store } = await openStore({ dataDir, cacheBytes })
      const stored = await put(store, 'kept in memory')
      damage(dataDir, 'kept in memory')
      const read = store.get({ hash: stored })
      if (whole) expect(text(await read)).toBe('kept in memory')
      else await expect(read).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' })
      // What verifies reads the disk.
      expect((await store.verify({})).corrupt).toEqual([stored])
    }
  })
})
