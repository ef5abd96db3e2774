/** A process of its own for `leaks.test.ts`: does one thing again and again and reports what the process holds after each. */
import { readdirSync } from 'node:fs'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { childOf } from '../../runtime/index.ts'
import { startOn } from '../../runtime/system.ts'
import { threadTransport } from '../../runtime/transport.ts'
import { back, chaosActor, front } from '../runtime/fixtures/chaos.ts'

export interface Sample {
  readonly round: number
  readonly rssBytes: number
  readonly heapBytes: number
  /** ArrayBuffers and SharedArrayBuffers that this thread knows of. */
  readonly buffersBytes: number
  readonly threads: number
  readonly files: number
  /** `process.getActiveResourcesInfo()` by kind, in order. */
  readonly resources: readonly string[]
}

const collect = globalThis.gc
if (collect === undefined) throw new Error('run with --expose-gc')

/** Everything that is over has had its turn to go. */
async function sample(round: number): Promise<Sample> {
  for (let again = 0; again < 3; again++) {
    await turn()
    collect!()
    await sleep(5)
  }
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  return {
    round,
    rssBytes: rss,
    heapBytes: heapUsed,
    buffersBytes: arrayBuffers,
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().sort(),
  }
}

const [what = '', rounds = '0', every = '1', file = ''] = process.argv.slice(2)
const children = ['back', 'front'].map((name) =>
  childOf(chaosActor, { name, config: { file }, reachableFrom: [name === 'front' ? 'back' : 'front'] }),
)
const open = () =>
  startOn(
    threadTransport(undefined),
    { children, restartsMax: Number.MAX_SAFE_INTEGER },
    { backoffMinMs: 0, backoffMaxMs: 0 },
  )

async function report(round: number): Promise<void> {
  if (round % Number(every) === 0) console.log(JSON.stringify(await sample(round)))
}

/** One of the two is ended in the middle of its work, with small and large messages on their way. */
async function terminations(): Promise<void> {
  const system = await open()
  for (let round = 1; round <= Number(rounds); round++) {
    const victim = round % 2 === 0 ? front : back
    const { ask } = system.ref(victim)
    const asked = [
      ask.twice({ key: 'small', ms: 2 }),
      ask.twice({ key: 'large', ms: 1, body: new Uint8Array(100_000) }),
      ask.relayTwice({ key: 'relay', ms: 1, body: new Uint8Array(100_000) }),
      ask.once({ key: 'once', ms: 50 }).catch(() => 0),
    ]
    await system.kill(victim.name)
    await Promise.all(asked)
    await report(round)
  }
  await system.close()
}

async function openings(): Promise<void> {
  for (let round = 1; round <= Number(rounds); round++) {
    const system = await open()
    await system.ref(front).ask.relayTwice({ key: 'relay', ms: 0 })
    await system.close()
    await report(round)
  }
}

/** The whole application. */
async function pits(): Promise<void> {
  const { Pit } = await import('../../src/index.ts')
  for (let round = 1; round <= Number(rounds); round++) {
    const pit = await Pit.open({ dataDir: ':memory:' }, { configFile: false, env: {} })
    await pit.close()
    await report(round)
  }
}

if (what === 'terminations') await terminations()
else if (what === 'openings') await openings()
else await pits()
