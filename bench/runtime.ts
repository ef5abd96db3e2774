/**
 * Asks between threads: one at a time, and 64 in flight, beside a bare MessagePort, comlink and piscina (as it comes, and
 * tuned). All take turns within one run, because the machine's wake-up time drifts; what counts are the ratios.
 */
import { wrap } from 'comlink'
import { Piscina } from 'piscina'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { RecordKind, ringBytes } from '../runtime/rings/layout.ts'
import { createConsumer, createProducer, ringMemory } from '../runtime/rings/ring.ts'
import { childOf, startSystem } from '../runtime/index.ts'
import { blocking, blockingActor, evented, eventedActor } from './fixtures/runtime-actors.ts'
import type { BenchSize } from './machine.ts'

interface Peer {
  readonly name: string
  readonly ping: (arg: unknown) => Promise<unknown>
  readonly close: () => Promise<unknown>
}

/** A small call, as most are. */
const MESSAGE = { runId: 'run_01jd3c7k2m', nodeId: 'summarize-12', attempt: 1, tags: ['a', 'b'] }
const IN_FLIGHT = 64
const peerFile = new URL('./fixtures/runtime-peer.ts', import.meta.url)

export async function run(size: BenchSize): Promise<void> {
  const { rounds, sequential, pipelined } =
    size === 'smoke'
      ? { rounds: 1, sequential: 200, pipelined: 2_000 }
      : { rounds: 7, sequential: 3_000, pipelined: 40_000 }
  const peers = await openPeers()
  try {
    for (const peer of peers) await check(peer)
    const latencies = await interleave(peers, rounds, (peer) => oneAtATime(peer, sequential))
    const rates = await interleave(peers, rounds, (peer) => manyAtOnce(peer, pipelined))
    print('one at a time, p50 µs (lower is better)', latencies, 'MessagePort', (own, base) => own / base)
    print(`${IN_FLIGHT} in flight, asks/s (higher is better)`, rates, 'piscina', (own, base) => own / base)
  } finally {
    for (const peer of peers) await peer.close()
  }
  console.log(
    `raw ring, 64 B, one thread: ${Math.round(rawRing(size === 'smoke' ? 100_000 : 5_000_000)).toLocaleString('en')} records/s`,
  )
}

async function openPeers(): Promise<Peer[]> {
  const system = await startSystem({ children: [childOf(eventedActor), childOf(blockingActor)] })
  const actor = system.ref(evented).ask
  const parked = system.ref(blocking).ask
  return [
    { name: 'actor', ping: (arg) => actor.ping(arg), close: () => system.close() },
    { name: 'blocking actor', ping: (arg) => parked.ping(arg), close: async () => {} },
    openPort(),
    openComlink(),
    openPiscina('piscina', {}),
    openPiscina('piscina tuned', { concurrentTasksPerWorker: IN_FLIGHT, recordTiming: false }),
  ]
}

/** The least that two threads can do: one port each way, replies in the order of the questions. */
function openPort(): Peer {
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

function openComlink(): Peer {
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

function openPiscina(name: string, options: Readonly<Record<string, unknown>>): Peer {
  const pool = new Piscina({
    filename: fileURLToPath(peerFile),
    name: 'ping',
    minThreads: 1,
    maxThreads: 1,
    ...options,
  })
  return { name, ping: (arg) => pool.run(arg) as Promise<unknown>, close: () => pool.destroy() }
}

async function check(peer: Peer): Promise<void> {
  const reply = JSON.stringify(await peer.ping(MESSAGE))
  if (reply !== JSON.stringify(MESSAGE)) throw new Error(`${peer.name} answered ${reply}`)
}

/** Every peer once per round, the order turned by one each round; the median of the rounds. */
async function interleave(
  peers: readonly Peer[],
  rounds: number,
  measure: (peer: Peer) => Promise<number>,
): Promise<ReadonlyMap<string, number>> {
  const results = new Map<string, number[]>(peers.map(({ name }) => [name, []]))
  for (const peer of peers) await measure(peer)
  for (let round = 0; round < rounds; round++) {
    const start = round % peers.length
    for (const peer of [...peers.slice(start), ...peers.slice(0, start)])
      results.get(peer.name)!.push(await measure(peer))
  }
  return new Map([...results].map(([name, values]) => [name, values.sort((a, b) => a - b)[values.length >> 1]!]))
}

async function oneAtATime(peer: Peer, count: number): Promise<number> {
  const times = new Float64Array(count)
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now()
    await peer.ping(MESSAGE)
    times[index] = performance.now() - startedAt
  }
  return times.sort()[count >> 1]! * 1000
}

async function manyAtOnce(peer: Peer, count: number): Promise<number> {
  let left = count
  const startedAt = performance.now()
  const client = async (): Promise<void> => {
    while (left-- > 0) await peer.ping(MESSAGE)
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, client))
  return (count / (performance.now() - startedAt)) * 1000
}

/** The ring by itself, without a second thread: what a record costs on both sides together. */
function rawRing(count: number): number {
  const capacityBytes = 64 * 1024
  const memory = ringMemory(new SharedArrayBuffer(ringBytes(capacityBytes)), 0, capacityBytes)
  const producer = createProducer(memory)
  const consumer = createConsumer(memory)
  const payload = new Uint8Array(64)
  let taken = 0
  const startedAt = performance.now()
  for (let index = 0; index < count; index++) {
    if (!producer.write(RecordKind.Tell, 0, 1, index, 0, payload, 0, 64)) throw new Error('the ring is never full here')
    if (index % 32 === 31) for (; consumer.next(); taken++) consumer.advance()
  }
  for (; consumer.next(); taken++) consumer.advance()
  if (taken !== count) throw new Error(`${taken} of ${count} records arrived`)
  return (count / (performance.now() - startedAt)) * 1000
}

function print(
  title: string,
  results: ReadonlyMap<string, number>,
  base: string,
  ratio: (own: number, base: number) => number,
): void {
  console.log(title)
  for (const [name, value] of results) {
    const figure = Math.round(value * 10) / 10
    console.log(
      `  ${name.padEnd(16)} ${figure.toLocaleString('en').padStart(12)}   ${ratio(value, results.get(base)!).toFixed(2)}× ${base}`,
    )
  }
}

if (import.meta.main) await run(process.argv.includes('--smoke') ? 'smoke' : 'full')
