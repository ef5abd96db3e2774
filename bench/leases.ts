/**
 * What a model lease costs the caller, on real threads: taken and freed in shared memory (hot model), through the Pool
 * Manager (an offer, claimed and freed), and in bulk. The floor beside it is this machine's bare compare-and-swap.
 */
import { arbitrationEngineActor } from '../actors/arbitration-engine/index.ts'
import {
  builtinModels,
  LEASE_REGION,
  LeaseClient,
  LeaseTable,
  leaseRegionBytes,
  poolManager,
  poolManagerActor,
} from '../actors/pool-manager/index.ts'
import { claimed } from '../actors/pool-manager/lease-table.ts'
import { type ActorSystem, childOf, startSystem } from '../runtime/index.ts'
import type { BenchSize } from './machine.ts'

export interface LeaseFigures {
  /** Compare-and-swap there and back, without anything around it. */
  readonly casNs: number
  /** `tryAcquire` and `release`: mean over many, and percentiles of single ones (timer included). */
  readonly hotNs: number
  readonly hotP50Ns: number
  readonly hotP99Ns: number
  /** `await acquire` and `release`. */
  readonly hotPromiseNs: number
  /** A lease through the actor. */
  readonly askP50Us: number
  readonly askP99Us: number
  /** 1,000 `acquire` at once on one hot model with 1,024 slots, each freed when granted. */
  readonly thousandMs: number
  /** The same on a model with 64 slots, per lease: most of them wait, and go by the Arbitration Engine's rulings. */
  readonly contendedUs: number
}

const MODEL = 'chunker'
const FEW = 'chunker with few slots'
const SIZES: Readonly<Record<BenchSize, { readonly hot: number; readonly asks: number }>> = {
  smoke: { hot: 20_000, asks: 50 },
  full: { hot: 2_000_000, asks: 5_000 },
}

export async function run(size: BenchSize): Promise<LeaseFigures> {
  const { hot, asks } = SIZES[size]
  const chunker = builtinModels.find(({ id }) => id === MODEL)!
  await using system = await startSystem({
    children: [
      childOf(arbitrationEngineActor, { config: { dataDir: ':memory:' } }),
      childOf(poolManagerActor, {
        config: {
          models: [
            { ...chunker, slots: 1_024 },
            { ...chunker, id: FEW, slots: 64 },
          ],
          dataDir: ':memory:',
        },
      }),
    ],
    shared: { [LEASE_REGION]: leaseRegionBytes(4) },
  })
  const region = system.shared(LEASE_REGION)
  const client = new LeaseClient({ pool: system.ref(poolManager), region, incarnation: system.incarnation })
  for (const model of [MODEL, FEW]) (await client.acquire(model, { tenant: 'bench' })).release()
  const figures: LeaseFigures = {
    casNs: compareAndSwap(hot),
    ...hotLeases(client, hot),
    hotPromiseNs: await hotPromises(client, hot / 10),
    ...(await throughTheActor(system, region, asks)),
    thousandMs: await thousandAtOnce(client, MODEL),
    contendedUs: await thousandAtOnce(client, FEW),
  }
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(14)} ${value.toFixed(1)}`)
  return figures
}

function compareAndSwap(times: number): number {
  const words = new Uint32Array(new SharedArrayBuffer(64))
  const startedAt = process.hrtime.bigint()
  for (let i = 0; i < times; i++) {
    Atomics.compareExchange(words, 0, 0, 1)
    Atomics.compareExchange(words, 0, 1, 0)
  }
  return Number(process.hrtime.bigint() - startedAt) / times
}

function hotLeases(client: LeaseClient, times: number): Pick<LeaseFigures, 'hotNs' | 'hotP50Ns' | 'hotP99Ns'> {
  const once = (): void => {
    const lease = client.tryAcquire(MODEL)
    if (lease === null) throw new Error('the model is not hot')
    lease.release()
  }
  for (let i = 0; i < times / 10; i++) once()
  const startedAt = process.hrtime.bigint()
  for (let i = 0; i < times; i++) once()
  const hotNs = Number(process.hrtime.bigint() - startedAt) / times
  const singles = new Float64Array(Math.min(times, 200_000))
  for (let i = 0; i < singles.length; i++) {
    const before = process.hrtime.bigint()
    once()
    singles[i] = Number(process.hrtime.bigint() - before)
  }
  singles.sort()
  return { hotNs, hotP50Ns: percentile(singles, 0.5), hotP99Ns: percentile(singles, 0.99) }
}

async function hotPromises(client: LeaseClient, times: number): Promise<number> {
  const startedAt = process.hrtime.bigint()
  for (let i = 0; i < times; i++) (await client.acquire(MODEL, { tenant: 'bench' })).release()
  return Number(process.hrtime.bigint() - startedAt) / times
}

async function throughTheActor(
  system: ActorSystem,
  region: SharedArrayBuffer,
  times: number,
): Promise<Pick<LeaseFigures, 'askP50Us' | 'askP99Us'>> {
  const pool = system.ref(poolManager)
  const table = new LeaseTable(region)
  const timesUs = new Float64Array(times)
  for (let i = 0; i < times; i++) {
    const before = process.hrtime.bigint()
    const offer = await pool.ask.allocate({ model: MODEL, tenant: 'bench' })
    if (!table.claim(offer.modelIndex, offer.slot, offer.token)) throw new Error('an offer lapsed')
    timesUs[i] = Number(process.hrtime.bigint() - before) / 1_000
    table.release(offer.modelIndex, offer.slot, claimed(offer.token))
  }
  timesUs.sort()
  return { askP50Us: percentile(timesUs, 0.5), askP99Us: percentile(timesUs, 0.99) }
}

/** In milliseconds for all, which is microseconds for each. */
async function thousandAtOnce(client: LeaseClient, model: string): Promise<number> {
  const startedAt = process.hrtime.bigint()
  const one = async (): Promise<void> => (await client.acquire(model, { tenant: 'bench' })).release()
  await Promise.all(Array.from({ length: 1_000 }, one))
  return Number(process.hrtime.bigint() - startedAt) / 1e6
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

if (import.meta.main) await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
