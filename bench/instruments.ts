/**
 * How fast the built-in text instruments read: megabytes of text per second, one thread, no actor around them.
 * Input is the example documents, repeated; `per 8 KiB` is what one ordinary document takes. The hash of all answers
 * is printed: the same text must give the same hash on every machine.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ModelModule } from '../actors/pool-manager/backends/module.ts'
import { builtinModels } from '../actors/pool-manager/instruments/index.ts'
import { canonicalHash } from '../runtime/index.ts'

export interface InstrumentFigure {
  readonly id: string
  readonly charsPerSecond: number
  /** Median time for a text of 8 Ki characters (for `similarity`: 100 items), milliseconds. */
  readonly smallMs: number
  readonly hash: string
}

const SIZES = {
  smoke: { chars: 64 * 1024, items: 100, rounds: 3 },
  full: { chars: 1024 * 1024, items: 1_000, rounds: 11 },
} as const
const SMALL_CHARS = 8 * 1024
const DIMENSIONS = 256

export async function run(size: 'smoke' | 'full'): Promise<readonly InstrumentFigure[]> {
  const { chars, items, rounds } = SIZES[size]
  const text = exampleText(chars)
  const figures: InstrumentFigure[] = []
  console.log('instrument            MB/s   per 8 KiB   answers')
  for (const { id, backend } of builtinModels) {
    if (backend.kind !== 'module') throw new Error(`${id} is no module`)
    const module = ((await import(backend.module)) as Record<string, ModelModule>)[backend.export!]!
    const state = await module.load({})
    const large = id === 'similarity' ? { items: vectors(items) } : { text }
    const small = id === 'similarity' ? { items: vectors(100) } : { text: text.slice(0, SMALL_CHARS) }
    const readChars = id === 'similarity' ? items * DIMENSIONS * 8 : text.length
    const largeRun = await measure(module, state, large, rounds)
    const smallRun = await measure(module, state, small, rounds)
    const figure = {
      id,
      charsPerSecond: readChars / (largeRun.medianMs / 1000),
      smallMs: smallRun.medianMs,
      hash: canonicalHash([largeRun.answer, smallRun.answer]).slice(0, 12),
    }
    figures.push(figure)
    const speed = (figure.charsPerSecond / 1e6).toFixed(1).padStart(8)
    console.log(`${id.padEnd(18)}${speed}${figure.smallMs.toFixed(2).padStart(9)} ms   ${figure.hash}`)
  }
  console.log(`(similarity: ${items} and 100 items of ${DIMENSIONS} dimensions, 8 bytes each)`)
  return figures
}

async function measure(module: ModelModule, state: unknown, input: unknown, rounds: number) {
  const { signal } = new AbortController()
  const times: number[] = []
  const hashes = new Set<string>()
  let answer: unknown
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    answer = await module.infer(state, { input, parameters: {}, signal })
    times.push(performance.now() - start)
    hashes.add(canonicalHash(answer))
  }
  if (hashes.size !== 1) throw new Error(`the same input gave ${hashes.size} different answers`)
  return { answer, medianMs: times.sort((left, right) => left - right)[Math.floor(rounds / 2)]! }
}

function exampleText(chars: number): string {
  const folder = resolve(import.meta.dirname, '../examples/documents')
  const names = readdirSync(folder).sort()
  const all = names.map((name) => readFileSync(resolve(folder, name), 'utf8')).join('\n\n')
  return all.repeat(Math.ceil(chars / all.length)).slice(0, chars)
}

function vectors(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    id: `${i}`,
    vector: Array.from({ length: DIMENSIONS }, (_, j) => ((i * 31 + j * 17) % 101) - 50),
  }))
}

if (import.meta.main) await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
