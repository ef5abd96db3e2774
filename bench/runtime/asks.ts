/** Asks between threads: one at a time, and 64 in flight, beside a bare MessagePort, comlink and piscina (as it comes, and tuned). */
import { wrap } from 'comlink'
import { Piscina } from 'piscina'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { childOf, startSystem } from '../../runtime/index.ts'
import { blocking, blockingActor, evented, eventedActor, MESSAGE } from '../fixtures/runtime-actors.ts'
import { interleave, print, type Contender, type Target } from './rounds.ts'

export interface Asker extends Contender {
  readonly ping: (arg: unknown) => Promise<unknown>
}

const IN_FLIGHT = 64
const peerFile = new URL('../fixtures/runtime-peer.ts', import.meta.url)

export async function openAskers(): Promise<readonly Asker[]> {
  const system = await startSystem({ children: [childOf(eventedActor), childOf(blockingActor)] })
  const actor = system.ref(evented).ask
  const parked = system.ref(blocking).ask
  const askers = [
    { name: 'actor', ping: (arg: unknown) => actor.ping(arg), close: () => system.close() },
    { name: 'blocking actor', ping: (arg: unknown) => parked.ping(arg), close: async () => {} },
    openPort(),
    openComlink(),
    openPiscina('piscina', {}),
    openPiscina('piscina tuned', { concurrentTasksPerWorker: IN_FLIGHT, recordTiming: false }),
  ]
  for (const asker of askers) await check(asker)
  return askers
}

export async function measureAsks(
  askers: readonly Asker[],
  sizes: { readonly rounds: number; readonly sequential: number; readonly pipelined: number },
): Promise<readonly Target[]> {
  const latencies = await interleave(askers, sizes.rounds, (asker) => oneAtATime(asker, sizes.sequential))
  const rates = await interleave(askers, sizes.rounds, (asker) => manyAtOnce(asker, sizes.pipelined))
  print('one at a time, p50 µs (lower is better)', latencies, 'MessagePort')
  print(`${IN_FLIGHT} in flight, asks/s (higher is better)`, rates, 'piscina')
  const latency = (own: string): number => latencies.get(own)! / latencies.get('MessagePort')!
  const rate = (base: string): number => rates.get('actor')! / rates.get(base)!
  return [
    { what: 'one at a time, actor / MessagePort', ratio: latency('actor'), atMost: 1.1 },
    { what: 'one at a time, blocking actor / MessagePort', ratio: latency('blocking actor'), atMost: 0.5 },
    { what: `${IN_FLIGHT} in flight, actor / piscina`, ratio: rate('piscina'), atLeast: 3 },
    { what: `${IN_FLIGHT} in flight, actor / comlink`, ratio: rate('comlink'), atLeast: 3 },
    { what: `${IN_FLIGHT} in flight, actor / piscina tuned`, ratio: rate('piscina tuned'), atLeast: 2 },
  ]
}

/** The least that two threads can do: one port each way, replies in the order of the questions. */
function openPort(): Asker {
  const worker = new Worker(peerFile, { workerData: { kind: 'port' } })
  const waiting: ((value: unknown) => void)[] = []
  worker.on('message', (message: unknown) => waiting.shift()?.(message))
  const ping = (arg: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      waiting.push(resolve)
      worker.postMessage(arg)
    })
  return { name: 'MessagePort', ping, close: () => worker.terminate() }
}

function openComlink(): Asker {
  const worker = new Worker(peerFile, { workerData: { kind: 'comlink' } })
  // Comlink speaks to event targets; a Worker of Node is an emitter.
  const api = wrap<{ ping(arg: unknown): unknown }>({
    postMessage: (message: unknown) => worker.postMessage(message),
    addEventListener: (_type: string, listener: unknown) =>
      void worker.on('message', (data: unknown) => (listener as (event: { data: unknown }) => void)({ data })),
    removeEventListener: () => {},
  })
  return { name: 'comlink', ping: (arg) => Promise.resolve(api.ping(arg)), close: () => worker.terminate() }
}

function openPiscina(name: string, options: Readonly<Record<string, unknown>>): Asker {
  const pool = new Piscina({
    filename: fileURLToPath(peerFile),
    name: 'ping',
    minThreads: 1,
    maxThreads: 1,
    ...options,
  })
  return { name, ping: (arg) => pool.run(arg) as Promise<unknown>, close: () => pool.destroy() }
}

async function check(asker: Asker): Promise<void> {
  const reply = JSON.stringify(await asker.ping(MESSAGE))
  if (reply !== JSON.stringify(MESSAGE)) throw new Error(`${asker.name} answered ${reply}`)
}

async function oneAtATime(asker: Asker, count: number): Promise<number> {
  const times = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await asker.ping(MESSAGE)
    times[index] = performance.now() - startedAt
  }
  return times.sort()[count >> 1]! * 1000
}

async function manyAtOnce(asker: Asker, count: number): Promise<number> {
  let left = count
  const startedAt = performance.now()
  const client = async (): Promise<void> => {
    while (left-- > 0) await asker.ping(MESSAGE)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, client))
  return (count / (performance.now() - startedAt)) * 1000
}
