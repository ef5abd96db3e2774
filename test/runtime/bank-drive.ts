/** Drives the bank of `fixtures/bank.ts` through a simulation and looks at what must hold whatever fails. */
import { childOf, isPitError } from '../../runtime/index.ts'
import { seededRandom } from '../../runtime/common/random.ts'
import { simulate, type FaultRates, type Simulation, type SimulationOptions } from '../../runtime/testing/index.ts'
import {
  auditorActor,
  ledger,
  ledgerActor,
  teller,
  tellerActor,
  type LedgerConfig,
  type TellerConfig,
} from './fixtures/bank.ts'

export const definitions = [ledgerActor, tellerActor, auditorActor]

export interface Drive {
  readonly rounds?: number
  readonly transfers?: number
  /** A power cut in the middle of each round but the last. */
  readonly powerCuts?: boolean
  readonly faults?: FaultRates
  readonly ledger?: LedgerConfig
  readonly teller?: TellerConfig
  /** What asks may fail with. @default everything that a fault can cause */
  readonly expected?: readonly string[]
  readonly plan?: SimulationOptions['plan']
}

export function startBank(seed: number, drive: Drive = {}): Promise<Simulation> {
  return simulate({
    seed,
    definitions,
    children: [
      childOf(ledgerActor, { config: drive.ledger }),
      childOf(auditorActor),
      childOf(tellerActor, { config: drive.teller }),
    ],
    restartsMax: 1_000,
    shared: { audit: 8 },
    ...(drive.faults === undefined ? {} : { faults: drive.faults }),
    ...(drive.plan === undefined ? {} : { plan: drive.plan }),
  })
}

export interface Outcome {
  readonly digest: string
  readonly steps: number
  readonly acknowledged: number
  readonly failed: Readonly<Record<string, number>>
}

/** What an ask of the bank may fail with. Anything else is a bug. */
const EXPECTED = ['ACTOR_RESTARTED', 'POISON_MESSAGE', 'SYSTEM_FAILED', 'LOG_IO', 'LOG_FULL']

/** Every kind of fault, the disk's with some seeds only: after one the ledger starts again. */
export function allFaults(seed: number): Drive {
  const faults: FaultRates = {
    crash: 0.03,
    stall: 0.003,
    loseBell: 0.02,
    delay: 0.05,
    clockJump: 0.01,
    enospc: seed % 3 === 0 ? 0.01 : 0,
    eio: seed % 4 === 0 ? 0.01 : 0,
  }
  return { faults, powerCuts: seed % 2 === 0, teller: { linked: seed % 5 === 0 } }
}

/** Runs it; throws with what does not hold. */
export async function driveBank(seed: number, drive: Drive = {}): Promise<Outcome> {
  const { rounds = 2, transfers = 12, powerCuts = false, expected = EXPECTED } = drive
  const random = seededRandom(seed)
  await using simulation = await startBank(seed, drive)
  const acknowledged: string[] = []
  const failed: Record<string, number> = {}
  const violations: string[] = []
  let n = 0

  const settle = (id: string, ask: Promise<unknown>): Promise<void> =>
    ask.then(
      () => void acknowledged.push(id),
      (error: unknown) => {
        const code = isPitError(error) ? error.code : String(error)
        failed[code] = (failed[code] ?? 0) + 1
        if (!expected.includes(code)) violations.push(`${id} failed with ${code}: ${String(error)}`)
      },
    )

  for (let round = 1; round <= rounds; round++) {
    const { system } = simulation
    const asks = Array.from({ length: transfers }, () => {
      const id = `t${++n}`
      // Some are larger than a lane's inline limit, so blocks are on their way, too.
      const memo = 'x'.repeat(random.next() < 0.1 ? 1_500 : 10)
      return random.next() < 0.7
        ? settle(id, system.ref(teller).ask.transfer({ id, n, memo }))
        : settle(id, system.ref(ledger).ask.appendOnce({ id, n, memo }))
    })
    if (powerCuts && round < rounds) {
      await simulation.advance(random.next() * 10)
      simulation.powerCut()
      await simulation.run(Promise.all(asks))
      await simulation.reboot()
    } else await simulation.run(Promise.all(asks))
    audit(simulation, violations)
  }
  simulation.calm()
  const ids = await simulation.run(simulation.system.ref(ledger).ask.ids(null))
  audit(simulation, violations)
  const kept = new Set(ids)
  if (kept.size !== ids.length)
    violations.push(`written twice: ${ids.filter((id, at) => ids.indexOf(id) !== at).join()}`)
  const lost = acknowledged.filter((id) => !kept.has(id))
  if (lost.length > 0) violations.push(`acknowledged and lost: ${lost.join()}`)
  if (violations.length > 0) throw new Error(violations.join('; '))
  return { digest: simulation.digest(), steps: simulation.steps, acknowledged: acknowledged.length, failed }
}

function audit({ system }: Simulation, violations: string[]): void {
  const [order, monitor] = new Int32Array(system.shared('audit'))
  if (order !== 0) violations.push(`${order} tells out of order`)
  if (monitor !== 0) violations.push(`${monitor} deaths told out of order`)
}
