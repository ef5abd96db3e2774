/**
 * What an open, idle Pit costs: time to open and close, resident memory and CPU, beside a bare Node process that does
 * nothing, each in a process of its own, in turn.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machineLine, type BenchSize } from './machine.ts'

interface Sample {
  readonly openMs: number
  readonly closeMs: number
  readonly rssMib: number
  /** Of one core. */
  readonly idleCpuPercent: number
}

/** Runs in the child: opens what is asked for, idles, reports one line of JSON. */
const CHILD = `
const [kind, dataDir, idleMs] = process.argv.slice(1)
const startedAt = performance.now()
const pit = kind === 'pit' ? await (await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)})).Pit.open({ dataDir }, { configFile: false, env: {} }) : null
const openMs = performance.now() - startedAt
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
await sleep(500)
const before = process.cpuUsage()
await sleep(Number(idleMs))
const { user, system } = process.cpuUsage(before)
const rssMib = process.memoryUsage.rss() / 2 ** 20
const closingAt = performance.now()
await pit?.close()
console.log(JSON.stringify({ openMs, closeMs: performance.now() - closingAt, rssMib, idleCpuPercent: (user + system) / 10 / Number(idleMs) }))
`

function sample(kind: 'pit' | 'bare', idleMs: number): Sample {
  const folder = mkdtempSync(join(tmpdir(), 'pit-bench-host-'))
  try {
    const args = ['--input-type=module', '--eval', CHILD, kind, join(folder, 'data'), String(idleMs)]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Sample
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

export async function run(size: BenchSize): Promise<void> {
  const rounds = size === 'full' ? 5 : 1
  const idleMs = size === 'full' ? 5_000 : 300
  const pits: Sample[] = []
  const bares: Sample[] = []
  for (let round = 0; round < rounds; round++) {
    pits.push(sample('pit', idleMs))
    bares.push(sample('bare', idleMs))
  }
  const of = (samples: readonly Sample[], figure: keyof Sample): number => median(samples.map((each) => each[figure]))
  console.table({
    'open Pit, idle': rowOf((figure) => of(pits, figure)),
    'bare Node': rowOf((figure) => of(bares, figure)),
  })
}

function rowOf(of: (figure: keyof Sample) => number): Record<string, string> {
  return {
    'open ms': of('openMs').toFixed(0),
    'close ms': of('closeMs').toFixed(0),
    'RSS MiB': of('rssMib').toFixed(1),
    'idle CPU % of a core': of('idleCpuPercent').toFixed(2),
  }
}

if (import.meta.main) {
  console.log(machineLine())
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
}
