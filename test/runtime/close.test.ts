import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** A process of its own, because only there the garbage collector can be asked. */
const CODE = `
const { childOf, startSystem } = await import(process.argv[1])
const { counter } = await import(process.argv[2])
const seen = []
for (let round = 0; round < 4; round++) {
  const system = await startSystem({ children: [childOf(counter)], shared: { mark: 8 } })
  // Its deadline is half a minute away when the system closes.
  await system.ref(counter).ask.add(1)
  await system.close()
  seen.push(new WeakRef(system.shared('mark')))
}
for (let turn = 0; turn < 20; turn++) {
  await new Promise((resolve) => setTimeout(resolve, 5))
  gc()
}
// What this scope was at last may be held by it.
console.log(seen.slice(0, -1).filter((mark) => mark.deref() !== undefined).length)
`

test('a closed system and its memory can be collected at once', async () => {
  const urls = ['../../runtime/index.ts', './fixtures/counter.ts'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  const args = ['--expose-gc', '--input-type=module', '--eval', CODE, ...urls]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  expect(stdout).toBe('0\n')
})
