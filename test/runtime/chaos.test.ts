/** Thousands of asks while actors are killed at random: everybody hears, and the ledger tells what really ran. */
import { expect, test } from 'vitest'
import { childOf, seededRandom, sleep, systemClock, type ActorSystem } from '../../runtime/index.ts'
import { echo, echoActor, ledger, ledgerActor, middle, middleActor, type LedgerProtocol } from './fixtures/actors.ts'
import { readLedger, useSystems, type LedgerLine } from './helpers.ts'

const { start, tempFile } = useSystems()
const ASKS = 20_000
const KILLS = 12
const IN_FLIGHT = 200
const seed = Number(process.env.PIT_SEED ?? 20_261_122)

interface Tally {
  readonly acked: Set<string>
  readonly restarted: Set<string>
  readonly others: string[]
}

async function flood(system: ActorSystem): Promise<Tally> {
  const tally: Tally = { acked: new Set(), restarted: new Set(), others: [] }
  let next = 0
  const client = async (): Promise<void> => {
    for (let index = next++; index < ASKS; index = next++) {
      const call = index % 2 === 0 ? 'once' : 'twice'
      const key = `${call}-${index}`
      const ask = index % 8 < 6 ? write(system, call, { key, ms: index % 8 < 2 ? 1 : 0 }) : passOn(system, index, key)
      await ask.then(
        () => tally.acked.add(key),
        (error: Error & { readonly code?: string }) =>
          error.code === 'ACTOR_RESTARTED' ? tally.restarted.add(key) : tally.others.push(`${key}: ${error.message}`),
      )
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, client))
  return tally
}

function write(
  system: ActorSystem,
  call: 'once' | 'twice',
  arg: Parameters<LedgerProtocol['once']>[0],
): Promise<number> {
  const { ask } = system.ref(ledger)
  return call === 'once' ? ask.once(arg) : ask.twice(arg)
}

/** Through two actors, now and then with a body that travels outside the rings. */
async function passOn(system: ActorSystem, index: number, key: string): Promise<unknown> {
  const body = index % 400 === 6 ? { key, bytes: new Uint8Array(100_000) } : { key }
  const back = (await system.ref(middle).ask.pass(body)) as { readonly key: string }
  expect(back.key).toBe(key)
  return back
}

const numberOf = ({ id = '' }: LedgerLine): number => Number(id.split('-')[1])

test(`${ASKS} asks under ${KILLS} kills (PIT_SEED=${seed})`, async () => {
  const file = await tempFile()
  const children = [childOf(echoActor), childOf(middleActor), childOf(ledgerActor, { config: { file } })]
  const system = await start(children, { restartsMax: KILLS })
  const random = seededRandom(seed)
  const flooding = flood(system)
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(systemClock, 20 + random.next() * 60)
    await system.kill(['ledger', 'echo', 'ledger', 'middle'][Math.floor(random.next() * 4)]!)
  }
  const { acked, restarted, others } = await flooding
  expect(others).toEqual([])
  expect(acked.size + restarted.size).toBe(ASKS)
  expect([...restarted].filter((key) => key.startsWith('twice'))).toEqual([])

  const lines = readLedger(file)
  const runs = Map.groupBy(lines, ({ key }) => key)
  const once = [...runs].filter(([key]) => key.startsWith('once'))
  expect(once.filter(([, lives]) => lives.length !== 1)).toEqual([])
  const ledgerKeys = [...acked].filter((key) => Number(key.split('-')[1]) % 8 < 6)
  expect(ledgerKeys.filter((key) => !runs.has(key))).toEqual([])
  for (const lives of runs.values()) {
    expect(new Set(lives.map(({ id }) => id)).size).toBe(1)
    // The first life may have died between the start and its line.
    expect(lives.slice(1).every(({ redelivered }, index) => redelivered! > lives[index]!.redelivered!)).toBe(true)
  }
  const firsts = [...runs.values()].map(([first]) => numberOf(first!))
  expect(firsts.every((number, index) => index === 0 || number > firsts[index - 1]!)).toBe(true)

  const stats = system.stats()
  expect(stats.map(({ queueDepth, inFlight }) => queueDepth + inFlight)).toEqual([0, 0, 0])
  expect(stats.reduce((sum, { restarts }) => sum + restarts, 0)).toBeGreaterThan(0)
  expect(await system.ref(echo).ask.echo('still here')).toBe('still here')
}, 120_000)
