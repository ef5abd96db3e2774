import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { actorFrom, childOf, type DeathNotice } from '../../runtime/index.ts'
import { simulate, simulateSeeds } from '../../runtime/testing/index.ts'
import { allFaults, driveBank, startBank } from './bank-drive.ts'
import { ledger, teller } from './fixtures/bank.ts'
import { codeOf } from './helpers.ts'

const seeds = (count: number, first = 1): number[] => Array.from({ length: count }, (_, index) => first + index)

const counter = actorFrom({
  name: 'counter',
  module: import.meta.url,
  init: () => ({ count: 0 }),
  handlers: {
    add: (state, amount: number) => (state.count += amount),
    never: () => new Promise<null>(() => {}),
    chance: (_state, _arg: null, { random, ids, clock }) => [random.next(), ids.next('x'), clock.now()],
    async wait(_state, ms: number, { clock }) {
      await new Promise<void>((resolve) => void clock.setTimer(ms, resolve))
      return clock.monotonicMs()
    },
  },
})

const simulated = (seed: number, options = {}) =>
  simulate({ seed, definitions: [counter], children: [childOf(counter)], ...options })

describe('a seed', () => {
  test('gives the same history byte for byte, another seed another one', async () => {
    const digests = new Set<string>()
    for (const seed of seeds(6)) {
      const [first, again] = [await driveBank(seed, allFaults(seed)), await driveBank(seed, allFaults(seed))]
      expect(again).toEqual(first)
      digests.add(first.digest)
    }
    expect(digests.size).toBe(6)
  })

  test('gives it in two fresh processes, too', async () => {
    const script = fileURLToPath(new URL('./fixtures/simulation-digests.ts', import.meta.url))
    const run = promisify(execFile)
    const args = [script, ...seeds(8).map(String)]
    const [one, other] = await Promise.all([run(process.execPath, args), run(process.execPath, args)])
    expect(one.stdout).toBe(other.stdout)
    const here: string[] = []
    for (const seed of seeds(8)) here.push(`${seed} ${(await driveBank(seed, allFaults(seed))).digest}\n`)
    expect(one.stdout).toBe(here.join(''))
  })

  test('decides chance, ids and time of actors, and the trace is canonical JSON', async () => {
    const seen: unknown[] = []
    for (const seed of [7, 7, 8]) {
      await using simulation = await simulated(seed)
      seen.push(await simulation.run(simulation.system.ref(counter).ask.chance(null)))
      for (const line of simulation.trace()) expect(Object.keys(JSON.parse(line) as object)).not.toHaveLength(0)
    }
    expect(seen[0]).toEqual(seen[1])
    expect(seen[2]).not.toEqual(seen[0])
  })
})

describe('time', () => {
  test('is virtual: minutes are nothing, and the wall clock jumps alone', async () => {
    await using simulation = await simulated(1)
    const { clock, system } = simulation
    const wallMs = clock.now()
    const ask = system.ref(counter).ask.wait(600_000, { deadlineMs: Infinity })
    await simulation.advance(500_000)
    expect(await Promise.race([ask, Promise.resolve('pending')])).toBe('pending')
    await simulation.advance(200_000)
    expect(await ask).toBeGreaterThanOrEqual(600_000)
    simulation.jumpClock(-7_200_000)
    expect(clock.now()).toBeLessThan(wallMs)
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(700_000)
  })

  test('deadlines pass in it; what never settles is said with seed and step', async () => {
    await using simulation = await simulated(3)
    const { system } = simulation
    expect(await codeOf(simulation.run(system.ref(counter).ask.never(null, { deadlineMs: 1_000 })))).toBe(
      'DEADLINE_EXCEEDED',
    )
    const forever = system.ref(counter).ask.never(null, { deadlineMs: Infinity })
    await expect(simulation.run(forever)).rejects.toMatchObject({ code: 'SIMULATION_STUCK', fields: { seed: 3 } })
  })
})

describe('an actor', () => {
  test('that dies at any store of any step leaves what a thread would leave', async () => {
    // Each run kills the ledger at another place while a transfer goes through it.
    for (let at = 0; at < 72; at++) {
      const [step, atStore] = [at % 12, 1 + Math.floor(at / 12) * 3]
      let own = 0
      const plan = ({ actor, step: now }: { readonly actor: string; readonly step: number }) =>
        actor === 'ledger' && now > 28 && own++ === step ? ({ kind: 'crash', atStore } as const) : null
      await driveBank(at, { plan, rounds: 1, transfers: 6, expected: ['ACTOR_RESTARTED'] })
    }
  })

  test('that stalls past its budget is taken for hung and starts again', async () => {
    await using simulation = await startBank(5)
    const { system } = simulation
    const notices: DeathNotice[] = []
    system.monitor('ledger', (notice) => notices.push(notice))
    simulation.stall('ledger', 60_000)
    const ask = simulation.run(system.ref(teller).ask.transfer({ id: 'a', n: 1, memo: '' }))
    expect(await ask).toBe(1)
    expect(notices).toMatchObject([{ name: 'ledger', reason: { kind: 'hung' }, restarting: true }])
    expect(simulation.clock.monotonicMs()).toBeLessThan(30_000)
  })

  test('that is not among the definitions cannot be started in between', async () => {
    await using simulation = await simulated(1)
    const start = simulation.system.children.startChild({ name: 'x', module: import.meta.url, actor: 'unknown' })
    expect(await codeOf(simulation.run(start))).toBe('MODULE_INVALID')
  })
})

describe('what must hold', () => {
  test('holds over seeds with all faults', async () => {
    const failed = new Set<string>()
    let acknowledged = 0
    await simulateSeeds(50, async (seed) => {
      const outcome = await driveBank(seed, allFaults(seed))
      acknowledged += outcome.acknowledged
      for (const code of Object.keys(outcome.failed)) failed.add(code)
    })
    // The faults did happen.
    if (process.env.PIT_SEED === undefined) {
      expect(failed).toContain('ACTOR_RESTARTED')
      expect(failed).toContain('SYSTEM_FAILED')
      expect(acknowledged).toBeGreaterThan(400)
    }
  })

  test('without faults every ask succeeds, and at once', async () => {
    await simulateSeeds(10, async (seed) => {
      await using simulation = await startBank(seed)
      const asks = seeds(200).map((n) => simulation.system.ref(teller).ask.transfer({ id: `${n}`, n, memo: '' }))
      await simulation.run(Promise.all(asks))
      expect(simulation.clock.monotonicMs()).toBeLessThan(200)
      expect(await simulation.run(simulation.system.ref(ledger).ask.ids(null))).toHaveLength(200)
    })
  })

  test('lost bells only cost time: the supervisor looks after sleepers', async () => {
    await simulateSeeds(20, async (seed) => {
      await driveBank(seed, { faults: { loseBell: 0.3 }, expected: [] })
    })
  })

  test('an answer before the disk has it is found, and its seed finds it again', async () => {
    const broken = { powerCuts: true, ledger: { answersEarly: true } }
    let found = 0
    for (const seed of seeds(100)) {
      const problem = await driveBank(seed, broken).then(
        () => null,
        (error: Error) => error.message,
      )
      if (problem === null) continue
      found = seed
      expect(problem).toMatch(/acknowledged and lost/)
      await expect(driveBank(seed, broken)).rejects.toThrow(problem)
      break
    }
    expect(found).toBeGreaterThan(0)
    await expect(simulateSeeds(1, async (seed) => void (await driveBank(seed, broken)), found)).rejects.toThrow(
      `PIT_SEED=${found}`,
    )
  })
})
