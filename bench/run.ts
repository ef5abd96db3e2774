/**
 * Runs every benchmark one after the other: `npm run bench`, `npm run bench -- --smoke`, `npm run bench -- leases nodes`.
 * Each module exports `run(size)`, prints its table and throws when a result is wrong (never when it is slow).
 */
import { parseArgs } from 'node:util'
import { machineLine, type BenchSize } from './machine.ts'

interface Bench {
  run(size: BenchSize): Promise<unknown>
}

export const BENCHES = [
  'runtime',
  'leases',
  'nodes',
  'artifacts',
  'packing',
  'encryption',
  'search',
  'lineage',
  'arbitration',
  'instruments',
  'host',
] as const

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { smoke: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const wanted = positionals.length > 0 ? positionals : BENCHES
  console.log(machineLine())
  for (const name of wanted) {
    if (!(BENCHES as readonly string[]).includes(name))
      throw new Error(`no benchmark ${name}; there are ${BENCHES.join(', ')}`)
    console.log(`\n## ${name}`)
    const bench = (await import(new URL(`./${name}.ts`, import.meta.url).href)) as Bench
    await bench.run(values.smoke ? 'smoke' : 'full')
  }
}

if (import.meta.main) await main()
