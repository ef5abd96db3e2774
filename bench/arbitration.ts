/**
 * Decisions of the Arbitration Engine's core, without messages and disk: a full system in which every step is one
 * request (granted or deferred) and one release (which serves someone who waits), over many tenants and a long queue.
 */
import { decide, type ArbitrationEvent } from '../actors/arbitration-engine/arbiter.ts'
import { claimOf } from '../actors/arbitration-engine/claim.ts'
import { createState, type ArbiterState } from '../actors/arbitration-engine/state.ts'
import { seededRandom } from '../runtime/index.ts'
import type { BenchSize } from './machine.ts'

interface Case {
  readonly tenants: number
  readonly queued: number
  readonly resources: readonly string[]
}

export interface ArbitrationFigures extends Case {
  readonly decisionsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
}

const HOLDER = { name: 'bench', incarnation: 1 }
const SLOTS = 64

const CASES: Readonly<Record<BenchSize, { readonly steps: number; readonly cases: readonly Case[] }>> = {
  smoke: { steps: 500, cases: [{ tenants: 20, queued: 1_000, resources: ['cpu'] }] },
  full: {
    steps: 100_000,
    cases: [
      { tenants: 10, queued: 1_000, resources: ['cpu'] },
      { tenants: 1_000, queued: 100_000, resources: ['cpu', 'memory', 'gpu'] },
      { tenants: 10_000, queued: 1_000_000, resources: ['cpu', 'memory', 'gpu'] },
    ],
  },
}

// eslint-disable-next-line typescript/require-await
export async function run(size: BenchSize): Promise<readonly ArbitrationFigures[]> {
  const { steps, cases } = CASES[size]
  const figures = cases.map((one) => measure(one, steps))
  console.log('tenants  queued     decisions/s  p50 us  p99 us  p99.9 us')
  for (const { tenants, queued, decisionsPerSecond, p50Us, p99Us, p999Us } of figures) {
    const cells = [
      tenants,
      queued,
      Math.round(decisionsPerSecond),
      p50Us.toFixed(1),
      p99Us.toFixed(1),
      p999Us.toFixed(1),
    ]
    console.log(cells.map((cell, i) => String(cell).padEnd([9, 11, 13, 8, 8, 0][i]!)).join(''))
  }
  return figures
}

function measure(one: Case, steps: number): ArbitrationFigures {
  const state = createState({ strategy: 'fair', queueMax: 4 * one.queued + SLOTS, grantTtlMs: 1e12 })
  decide(state, { kind: 'capacity-set', capacity: Object.fromEntries(one.resources.map((name) => [name, SLOTS])) }, 0)
  const random = seededRandom(1)
  let sent = 0
  const request = (): ArbitrationEvent => {
    const tenant = `tenant${Math.floor(random.next() * one.tenants)}`
    const resources = Object.fromEntries(one.resources.map((name) => [name, 1 + Math.floor(random.next() * 2)]))
    return { kind: 'requested', claims: [claimOf({ id: `r${sent++}`, tenant, resources })], holder: HOLDER }
  }
  for (let i = 0; i < one.queued; i++) decide(state, request(), 1)

  const timesUs = new Float64Array(2 * steps)
  let decided = 0
  const startedAt = performance.now()
  for (let step = 0; step < steps; step++) {
    for (const [n, event] of [request(), releaseOldest(state, step)].entries()) {
      const from = performance.now()
      decided += decide(state, event, 2 + step / 10).records.length
      timesUs[2 * step + n] = (performance.now() - from) * 1_000
    }
  }
  const seconds = (performance.now() - startedAt) / 1_000
  if (decided < 1.5 * steps) throw new Error(`only ${decided} decisions in ${steps} steps of a full system`)
  timesUs.sort()
  const at = (share: number): number => timesUs[Math.floor(share * (timesUs.length - 1))]!
  return { ...one, decisionsPerSecond: decided / seconds, p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
}

function releaseOldest(state: ArbiterState, step: number): ArbitrationEvent {
  const [grantId] = state.grants.byId.keys()
  return { kind: 'released', releases: [{ grantId: grantId!, units: 1 }], messageId: `m${step}` }
}

if (import.meta.main) await run('full')
