/**
 * Asks by the thousand while actors are ended at random, and what must hold afterwards. The seed decides which operations
 * come after each other; how they meet is up to the threads.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import {
  childOf,
  seededRandom,
  sleep,
  systemClock,
  type ActorSystem,
  type ChildSpec,
  type Random,
  type SystemOptions,
} from '../../runtime/index.ts'
import { back, chaosActor, ENDS, front, type ChaosLine, type Work } from './fixtures/chaos.ts'
import { eventually } from './helpers.ts'

export interface ChaosOptions {
  readonly asks: number
  readonly kills: number
  readonly seed: number
  readonly file: string
  readonly start: (children: readonly ChildSpec[], options: Partial<SystemOptions>) => Promise<ActorSystem>
}

const IN_FLIGHT = 200
/** A late settlement counts when its deadline and this much more have passed on the same loop. */
const GRACE_MS = 100
const LONG_MS = 120_000
const CALLS = ['once', 'twice', 'relayOnce', 'relayTwice'] as const
const KINDS = ['terminate', ...ENDS] as const
type Kind = (typeof KINDS)[number]

interface Planned {
  readonly key: string
  readonly to: typeof front
  readonly call: (typeof CALLS)[number]
  readonly work: Work
  readonly deadlineMs: number
  /** Aborted right after it was sent. */
  readonly abort: boolean
}

interface Tally {
  /** By code of the error; `ok` for replies. */
  readonly ends: Map<string, Set<string>>
  /** Asks that were pending after deadline and grace. */
  readonly late: string[]
  settled: number
}

export async function chaos({ asks, kills, seed, file, start }: ChaosOptions): Promise<void> {
  const random = seededRandom(seed)
  const children = ['back', 'front'].map((name) =>
    childOf(chaosActor, {
      name,
      config: { file },
      heapMb: 48,
      reachableFrom: name === 'front' ? ['back'] : ['front'],
    }),
  )
  const system = await start(children, { restartsMax: kills * 2 + 20 })
  const plans = Array.from({ length: asks }, (_, index) => plan(index, random))
  const tally: Tally = { ends: new Map(), late: [], settled: 0 }
  const done = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]))
  const [flooding, killing] = [flood(system, plans, tally), killAll(system, kills, asks, random, tally, done)]
  await Promise.all([flooding, killing])
  await poison(system)

  for (const kind of KINDS) expect(done.get(kind), kind).toBeGreaterThan(0)
  expect(tally.late).toEqual([])
  expect(tally.settled).toBe(asks)
  checkEnds(tally, plans)
  checkLedger(read(file), tally, plans)
  await checkRest(system)
}

function plan(index: number, random: Random): Planned {
  const call = CALLS[Math.floor(random.next() * CALLS.length)]!
  const chance = random.next()
  const large = random.next() < 0.005
  return {
    key: `${call}-${index}`,
    to: random.next() < 0.5 ? front : back,
    call,
    work: {
      key: `${call}-${index}`,
      ms: random.next() < 0.2 ? Math.floor(random.next() * 5) : 0,
      ...(large ? { body: new Uint8Array(100_000).fill(index & 0xff) } : {}),
    },
    deadlineMs: chance < 0.02 ? 1 + Math.floor(random.next() * 50) : LONG_MS,
    abort: chance > 0.99,
  }
}

async function flood(system: ActorSystem, plans: readonly Planned[], tally: Tally): Promise<void> {
  let next = 0
  const client = async (): Promise<void> => {
    for (let planned = plans[next++]; planned !== undefined; planned = plans[next++]) {
      const code = await askOne(system, planned, tally)
      const keys = tally.ends.get(code) ?? new Set()
      tally.ends.set(code, keys.add(planned.key))
      tally.settled++
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, client))
}

async function askOne(system: ActorSystem, planned: Planned, { late }: Tally): Promise<string> {
  const { to, call, work, deadlineMs, abort, key } = planned
  const controller = new AbortController()
  const { ask } = system.ref(to)
  const asked = Reflect.get(ask, call)(work, { deadlineMs, signal: controller.signal })
  if (abort) controller.abort()
  // On this loop: when this timer fires, the runtime's own has fired before it, however busy the machine is.
  const check = setTimeout(() => setImmediate(() => pending && late.push(key)), deadlineMs + GRACE_MS)
  let pending = true
  try {
    const bytes = await asked
    return bytes === (work.body?.length ?? 0) ? 'ok' : `${bytes} bytes`
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  } finally {
    pending = false
    clearTimeout(check)
  }
}

/** Spread over the asks: the next end comes when its share of them has settled. */
async function killAll(
  system: ActorSystem,
  kills: number,
  asks: number,
  random: Random,
  tally: Tally,
  done: Map<Kind, number>,
): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const kind = KINDS[kill % KINDS.length]!
    const victim = random.next() < 0.5 ? front : back
    while (tally.settled < (asks * kill) / kills) await sleep(systemClock, 2)
    const { incarnation } = statsOf(system, victim.name)
    if (kind === 'terminate') await system.kill(victim.name)
    else system.ref(victim).tell.end(kind)
    await eventually(() => statsOf(system, victim.name).incarnation).toBeGreaterThan(incarnation)
    done.set(kind, done.get(kind)! + 1)
  }
}

const statsOf = (system: ActorSystem, name: string) => system.stats().find((each) => each.name === name)!

async function poison(system: ActorSystem): Promise<void> {
  const before = statsOf(system, 'front').restarts
  await expect(system.ref(front).ask.poison('bad')).rejects.toMatchObject({ code: 'POISON_MESSAGE' })
  expect(statsOf(system, 'front').restarts).toBe(before + 3)
  await eventually(() => system.deadLetters().filter(({ call }) => call === 'poison')).toMatchObject([
    { actor: 'front', sender: 'host', reason: 'poison', crashes: 3 },
  ])
}

/** Every ask has ended as it may. */
function checkEnds({ ends }: Tally, plans: readonly Planned[]): void {
  const byKey = new Map(plans.map((planned) => [planned.key, planned]))
  const wrong = [...ends].flatMap(([code, keys]) => [...keys].filter((key) => !mayEnd(byKey.get(key)!, code)))
  expect(wrong.map((key) => `${key} ${[...ends].find(([, keys]) => keys.has(key))?.[0]}`)).toEqual([])
  for (const code of ['ok', 'ACTOR_RESTARTED', 'DEADLINE_EXCEEDED', 'CANCELLED']) {
    expect(ends.get(code)?.size ?? 0, code).toBeGreaterThan(0)
  }
}

function mayEnd({ call, deadlineMs, abort }: Planned, code: string): boolean {
  if (code === 'ok') return true
  if (code === 'CANCELLED') return abort
  if (code === 'DEADLINE_EXCEEDED') return deadlineMs < LONG_MS
  // In flight at three crashes that nobody's turn caused, it may be taken for their cause.
  if (code === 'POISON_MESSAGE') return call !== 'once'
  return code === 'ACTOR_RESTARTED' && (call === 'once' || call === 'relayOnce')
}

function checkLedger(lines: readonly ChaosLine[], { ends }: Tally, plans: readonly Planned[]): void {
  const messages = Map.groupBy(lines, ({ actor, id }) => `${actor} ${id}`)
  for (const [message, runs] of messages) {
    const { call, key } = runs[0]!
    // At most once; a relay's own asks are messages of their own when it runs again.
    if (call === 'once' && runs.length !== 1) expect.fail(`${message} ran ${runs.length} times`)
    if (runs.some((run) => run.key !== key)) expect.fail(`${message} names two messages`)
    runs.slice(1).forEach((run, index) => {
      const grows = run.redelivered > runs[index]!.redelivered && run.incarnation > runs[index]!.incarnation
      if (!grows) expect.fail(`${message} ran again without saying so`)
    })
  }
  expect(lines.some(({ call, redelivered }) => call === 'twice' && redelivered > 0)).toBe(true)

  // At least once.
  const ran = new Set(lines.map(({ key }) => key))
  expect([...(ends.get('ok') ?? [])].filter((key) => !ran.has(key))).toEqual([])
  const direct = new Set(plans.filter(({ call }) => call === 'once').map(({ key }) => key))
  const keysOnce = Map.groupBy(
    lines.filter(({ key }) => direct.has(key)),
    ({ key }) => key,
  )
  expect([...keysOnce].filter(([, runs]) => runs.length > 1)).toEqual([])

  checkOrder(messages)
}

/** First runs of one sender's messages at one receiver come in the order they were sent. */
function checkOrder(messages: ReadonlyMap<string, readonly ChaosLine[]>): void {
  const last = new Map<string, number>()
  for (const [first] of messages.values()) {
    const { actor, id } = first!
    const [sender, number] = id.split('-') as [string, string]
    const lane = `${actor} from ${sender}`
    if (Number(number) <= (last.get(lane) ?? 0)) expect.fail(`message ${id} at ${actor} overtook another`)
    last.set(lane, Number(number))
  }
  expect(last.size).toBeGreaterThan(2)
}

/** Nothing is left anywhere, and everybody is there. */
async function checkRest(system: ActorSystem): Promise<void> {
  const left = (): number[] => system.stats().map((each) => each.queueDepth + each.inFlight + each.blockBytes)
  await eventually(left).toEqual([0, 0])
  for (const actor of [front, back]) {
    expect(await system.ref(actor).ask.once({ key: 'still here', ms: 0 })).toBe(0)
    expect(await system.ref(actor).ask.relayOnce({ key: 'and the way', ms: 0 })).toBe(0)
  }
}

function read(file: string): ChaosLine[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ChaosLine)
}
