/** The whole state of the engine, and the turn of one event through it. Everything in here is data of one thread. */
import { createShares, type FairShares } from './fairness.ts'
import { createGrants, type GrantTable } from './grants.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { DecisionRecord, Denied, Ruling } from './protocol.ts'
import { createQueue, type Queue } from './queuing.ts'
import { strategyOf, type ResolutionStrategy, type StrategyName } from './resolution.ts'

export interface ArbiterSettings {
  readonly strategy: StrategyName
  /** Requests that wait, at most. */
  readonly queueMax: number
  readonly grantTtlMs: number
}

export interface ArbiterState {
  readonly settings: ArbiterSettings
  readonly strategy: ResolutionStrategy
  readonly ledger: Ledger
  readonly shares: FairShares
  readonly queue: Queue
  readonly grants: GrantTable
  /** Denials of requests that had waited, for askers who come for them later; bounded, oldest forgotten. */
  readonly denials: Map<string, Denied>
  /** Part of every id minted, so that a life that lost its memory mints none twice. */
  epoch: string
  /** Last number given out, for requests, grants and decisions. */
  sequence: number
  decisions: number
  /** Time of the latest event; never goes back. */
  now: number
}

/** What one event led to. */
export interface Outcome {
  /** Requests granted, denied, or deferred for the first time, in the order it was decided. */
  readonly rulings: readonly Ruling[]
  readonly records: readonly DecisionRecord[]
  /** Requests that left the queue without a ruling: cancelled, or their holder died. */
  readonly withdrawn: readonly string[]
  /** False when the event changed nothing and need not be recorded. */
  readonly changed: boolean
}

/** An outcome in the making. */
export interface Turn {
  readonly state: ArbiterState
  readonly now: number
  readonly rulings: Ruling[]
  readonly records: DecisionRecord[]
  readonly withdrawn: string[]
  changed: boolean
}

const DENIALS_MAX = 4_096

export function createState(settings: ArbiterSettings): ArbiterState {
  return {
    settings,
    strategy: strategyOf(settings.strategy),
    ledger: createLedger(),
    shares: createShares(),
    queue: createQueue(),
    grants: createGrants(),
    denials: new Map(),
    epoch: '0',
    sequence: 0,
    decisions: 0,
    now: 0,
  }
}

export function mintId(state: ArbiterState, prefix: string): string {
  return `${prefix}_${state.epoch}_${++state.sequence}`
}

export function rememberDenial(state: ArbiterState, denial: Denied): void {
  state.denials.set(denial.requestId, denial)
  if (state.denials.size > DENIALS_MAX) state.denials.delete(state.denials.keys().next().value!)
}
