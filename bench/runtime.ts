/**
 * Messages between threads: asks (`runtime/asks.ts`), and one way (`runtime/one-way.ts`), beside a bare MessagePort,
 * comlink and piscina. All take turns within one run, because the machine's wake-up time drifts between a fast and a slow
 * mode; what counts are the ratios. `npm run bench:runtime`.
 */
import { machineLine, type BenchSize } from './machine.ts'
import { openAskers, measureAsks } from './runtime/asks.ts'
import { measureOneWay, openSenders } from './runtime/one-way.ts'
import { printTargets } from './runtime/rounds.ts'
import { measureWakeUp } from './runtime/wake-up.ts'

const SIZES = {
  smoke: { rounds: 1, wakeUps: 100, sequential: 200, pipelined: 2_000, messages: 4_000, records: 50_000 },
  full: { rounds: 9, wakeUps: 2_000, sequential: 2_000, pipelined: 30_000, messages: 60_000, records: 2_000_000 },
} as const

export async function run(size: BenchSize): Promise<void> {
  const sizes = SIZES[size]
  const askers = await openAskers()
  const senders = await openSenders()
  try {
    await measureWakeUp(sizes.wakeUps)
    const asks = await measureAsks(askers, sizes)
    const oneWay = await measureOneWay(senders, sizes)
    await measureWakeUp(sizes.wakeUps)
    printTargets([...asks, ...oneWay])
  } finally {
    for (const { close } of [...askers, ...senders]) await close()
  }
}

if (import.meta.main) {
  console.log(machineLine())
  await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
}
