/** Which faults a simulation injects, and how often. */
import { integerOption, invalidOption, own, refuseUnknown } from '../common/options.ts'

/** Chances from 0 to 1. @default 0 each */
export interface FaultRates {
  /** Per step of an actor: it dies in this step, before it, or at one of its stores or file calls. */
  readonly crash?: number
  /** Per step of an actor: it runs nothing for up to `stallMs`. */
  readonly stall?: number
  /** @default 2_000 */
  readonly stallMs?: number
  /** Per bell: it is lost; the supervisor's watch must repair that. */
  readonly loseBell?: number
  /** Per bell, block or message of a supervisor: it is up to `delayMs` on its way. */
  readonly delay?: number
  /** @default 50 */
  readonly delayMs?: number
  /** Per step: the wall clock jumps by up to an hour, forth or back. */
  readonly clockJump?: number
  /** Per file call: the disk is full, or fails. */
  readonly enospc?: number
  readonly eio?: number
  /** Names of the actors that crash and stall. @default all */
  readonly actors?: readonly string[]
}

export type ResolvedFaults = Readonly<Required<Omit<FaultRates, 'actors'>>> & {
  readonly spares: (name: string) => boolean
}

const RATES = ['crash', 'stall', 'loseBell', 'delay', 'clockJump', 'enospc', 'eio'] as const

export function resolveFaults(faults: FaultRates = {}): ResolvedFaults {
  refuseUnknown(faults, [...RATES, 'stallMs', 'delayMs', 'actors'], 'faults.')
  const rates = Object.fromEntries(RATES.map((key) => [key, chance(faults, key)])) as Record<
    (typeof RATES)[number],
    number
  >
  const actors = own(faults, 'actors') as readonly string[] | undefined
  return Object.freeze({
    ...rates,
    stallMs: integerOption(faults, 'stallMs', 2_000, { min: 1 }),
    delayMs: integerOption(faults, 'delayMs', 50, { min: 1 }),
    spares: (name: string) => actors !== undefined && !actors.includes(name),
  })
}

function chance(faults: FaultRates, key: string): number {
  const value = own(faults, key) ?? 0
  if (typeof value !== 'number' || !(value >= 0 && value <= 1))
    throw invalidOption(`faults.${key}`, 'a number from 0 to 1', value)
  return value
}
