/**
 * Messages one way, from this thread to another, until all have arrived: a small object by `tell` and by `postMessage`, the
 * same object as MessagePack through a bare ring, and 64 bytes through a bare ring and by `postMessage`.
 *
 * Nobody may run ahead without bound: every `WINDOW` messages the receiver confirms how many it has, and the sender waits
 * while more than `WINDOWS` of these are out. A bare ring bounds itself: who finds it full or empty looks again.
 */
import { Worker } from 'node:worker_threads'
import { createCodec, type Encoded } from '../../runtime/codec.ts'
import { childOf, startSystem } from '../../runtime/index.ts'
import { RecordKind, ringBytes } from '../../runtime/rings/layout.ts'
import { createProducer, ringMemory } from '../../runtime/rings/ring.ts'
import { MESSAGE, sink, sinkActor } from '../fixtures/runtime-actors.ts'
import { pause } from './pause.ts'
import { interleave, print, type Contender, type Target } from './rounds.ts'

export interface Sender extends Contender {
  /** Sends that many messages; resolves when the receiver has confirmed them all. */
  readonly send: (count: number) => Promise<unknown>
  readonly raw: boolean
}

const WINDOW = 512
const WINDOWS = 3
const RAW_BYTES = 64
const RING_CAPACITY_BYTES = 256 * 1024
const peerFile = new URL('../fixtures/runtime-peer.ts', import.meta.url)

export async function openSenders(): Promise<readonly Sender[]> {
  return [
    await openTell(),
    openRing('msgpack in a ring', 'ring-msgpack', () => {
      const codec = createCodec()
      return () => codec.encode(MESSAGE, '')
    }),
    openPort('postMessage', MESSAGE, false),
    openRing('raw ring', 'ring', () => {
      const payload = { bytes: new Uint8Array(RAW_BYTES), start: 0, end: RAW_BYTES }
      return () => payload
    }),
    openPort('postMessage, raw', new Uint8Array(RAW_BYTES), true),
  ]
}

export async function measureOneWay(
  senders: readonly Sender[],
  sizes: { readonly rounds: number; readonly messages: number; readonly records: number },
): Promise<readonly Target[]> {
  const rateOf = async ({ name, send }: Sender): Promise<number> => {
    const count = name === 'raw ring' ? sizes.records : sizes.messages
    const startedAt = performance.now()
    await send(count)
    return (count / (performance.now() - startedAt)) * 1000
  }
  const objects = await interleave(
    senders.filter(({ raw }) => !raw),
    sizes.rounds,
    rateOf,
  )
  const bytes = await interleave(
    senders.filter(({ raw }) => raw),
    sizes.rounds,
    rateOf,
  )
  print('a small object one way, messages/s (higher is better)', objects, 'postMessage')
  print(`${RAW_BYTES} bytes one way, messages/s (higher is better)`, bytes, 'postMessage, raw')
  const object = (own: string): number => objects.get(own)! / objects.get('postMessage')!
  return [
    { what: 'one way, tell / postMessage', ratio: object('tell'), atLeast: 1 },
    { what: 'one way, msgpack in a ring / postMessage', ratio: object('msgpack in a ring'), atLeast: 4 },
    {
      what: `one way, raw ring / postMessage, ${RAW_BYTES} B`,
      ratio: bytes.get('raw ring')! / bytes.get('postMessage, raw')!,
      atLeast: 10,
    },
  ]
}

/** Sends with that window; `confirmed` resolves to how many the receiver has of all that were ever sent. */
async function windowed(count: number, send: () => void, confirmed: () => Promise<number>): Promise<number> {
  const confirmations: Promise<number>[] = []
  for (let index = 1; index <= count; index++) {
    send()
    if (index % WINDOW !== 0) continue
    confirmations.push(confirmed())
    if (confirmations.length > WINDOWS) await confirmations.shift()
  }
  await Promise.all(confirmations)
  return confirmed()
}

async function openTell(): Promise<Sender> {
  const system = await startSystem({ children: [childOf(sinkActor)] })
  const { ask, tell } = system.ref(sink)
  let sent = 0
  return {
    name: 'tell',
    raw: false,
    async send(count) {
      const taken = await windowed(
        count,
        () => tell.take(MESSAGE),
        () => ask.taken(null),
      )
      if (taken !== (sent += count)) throw new Error(`${taken} of ${sent} tells were taken`)
    },
    close: () => system.close(),
  }
}

function openPort(name: string, message: unknown, raw: boolean): Sender {
  const worker = new Worker(peerFile, { workerData: { kind: 'sink' } })
  const waiting: ((taken: number) => void)[] = []
  worker.on('message', (taken: number) => waiting.shift()?.(taken))
  const confirmed = (): Promise<number> =>
    new Promise((resolve) => {
      waiting.push(resolve)
      worker.postMessage(null)
    })
  let sent = 0
  return {
    name,
    raw,
    async send(count) {
      const taken = await windowed(count, () => worker.postMessage(message), confirmed)
      if (taken !== (sent += count)) throw new Error(`${taken} of ${sent} messages arrived`)
    },
    close: () => worker.terminate(),
  }
}

/** The receiver looks at the ring only while it is told to, so that it takes no core from the others. */
function openRing(name: string, kind: string, open: () => () => Encoded): Sender {
  const buffer = new SharedArrayBuffer(ringBytes(RING_CAPACITY_BYTES))
  const worker = new Worker(peerFile, { workerData: { kind, buffer, capacityBytes: RING_CAPACITY_BYTES } })
  const ring = createProducer(ringMemory(buffer, 0, RING_CAPACITY_BYTES))
  const next = open()
  return {
    name,
    raw: kind === 'ring',
    async send(count) {
      const done = new Promise<number>((resolve) => worker.once('message', resolve))
      worker.postMessage(count)
      for (let index = 0; index < count; index++) {
        const { bytes, start, end } = next()
        while (!ring.write(RecordKind.Tell, 0, 1, index, Infinity, bytes, start, end)) pause()
      }
      const sum = await done
      if (sum !== (count * (count - 1)) / 2) throw new Error(`the records' numbers add up to ${sum}`)
    },
    close: () => worker.terminate(),
  }
}
