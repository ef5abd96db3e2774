/** Every benchmark runs at its smoke size and its own checks hold; nothing here says how fast. */
import { expect, test, vi } from 'vitest'
import { BENCHES } from '../bench/run.ts'

test.each(BENCHES)('bench %s', async (name) => {
  const lines: string[] = []
  const keep = (...line: unknown[]): void => void lines.push(line.join(' '))
  using log = vi.spyOn(console, 'log').mockImplementation(keep)
  using table = vi.spyOn(console, 'table').mockImplementation(() => keep('table'))
  const bench = (await import(`../bench/${name}.ts`)) as { run(size: 'smoke'): Promise<unknown> }
  await bench.run('smoke')
  expect(log.mock.calls.length + table.mock.calls.length).toBeGreaterThan(0)
})
