/**
 * An actor's own measurements, in memory that outlives its thread and that the host reads without a message.
 *
 *   64 entries of 64 bytes: kind u8 │ name length u8 │ name, UTF-8, at most 54 bytes
 *   64 values, f64: of a time entry the index of its distribution
 *   8 distributions (histogram.ts)
 *
 * I1. An entry is complete before its kind is stored: a reader, and the next incarnation, see it whole or not at all.
 * I2. Names keep their entries over restarts: counters go on, gauges keep their last value.
 */
import { fail } from './errors.ts'
import { HISTOGRAM_WORDS, readDistribution, recordTime, type TimeDistribution } from './histogram.ts'

/** Adds up. */
export interface Counter {
  add(count?: number): void
}
/** Goes up and down. */
export interface Gauge {
  set(value: number): void
}
/** How long something takes. */
export interface TimeMeter {
  record(ms: number): void
}

/**
 * What an actor measures of itself, by name: the same name gives the same meter, also after a restart. At most 64 names of at
 * most 54 bytes, 8 of them times; more fail with `METRICS_FULL`.
 */
export interface Metrics {
  counter(name: string): Counter
  gauge(name: string): Gauge
  time(name: string): TimeMeter
}

export type MetricValues = Readonly<Record<string, number | TimeDistribution>>

const ENTRIES = 64
const TIMES = 8
const ENTRY_BYTES = 64
const NAME_AT = 2
const NAME_BYTES_MAX = 54
const VALUES_AT = ENTRIES * ENTRY_BYTES
const TIMES_AT = VALUES_AT + ENTRIES * 8

const Kind = { Free: 0, Counter: 1, Gauge: 2, Time: 3 } as const
type Kind = (typeof Kind)[keyof typeof Kind]

export function metricsMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(TIMES_AT + TIMES * HISTOGRAM_WORDS * 4)
}

interface Views {
  readonly bytes: Uint8Array
  readonly values: Float64Array
  readonly words: Int32Array
}

function viewsOf(memory: SharedArrayBuffer): Views {
  return {
    bytes: new Uint8Array(memory),
    values: new Float64Array(memory, VALUES_AT, ENTRIES),
    words: new Int32Array(memory),
  }
}

const distributionAt = (index: number): number => TIMES_AT / 4 + index * HISTOGRAM_WORDS

export function openMetrics(actor: string, memory: SharedArrayBuffer): Metrics {
  const { bytes, values, words } = viewsOf(memory)
  const entries = new Map<string, { readonly kind: Kind; readonly index: number }>()
  let times = 0
  for (const { name, kind, index } of entriesOf(bytes)) {
    entries.set(name, { kind, index })
    if (kind === Kind.Time) times++
  }

  function entry(name: string, kind: Kind): number {
    const known = entries.get(name)
    if (known?.kind === kind) return known.index
    const index = entries.size
    // No shared memory under the encoder's feet: not every runtime lets it write there.
    const encoded = new TextEncoder().encode(name)
    const room = index < ENTRIES && (kind !== Kind.Time || times < TIMES)
    if (known !== undefined || !room || encoded.length === 0 || encoded.length > NAME_BYTES_MAX) {
      throw fail('METRICS_FULL', { actor, metric: name })
    }
    const at = index * ENTRY_BYTES
    bytes[at + 1] = encoded.length
    bytes.set(encoded, at + NAME_AT)
    values[index] = kind === Kind.Time ? times++ : 0
    Atomics.store(bytes, at, kind)
    entries.set(name, { kind, index })
    return index
  }

  return {
    counter(name) {
      const index = entry(name, Kind.Counter)
      return { add: (count = 1) => void (values[index]! += count) }
    },
    gauge(name) {
      const index = entry(name, Kind.Gauge)
      return { set: (value) => void (values[index] = value) }
    },
    time(name) {
      const at = distributionAt(values[entry(name, Kind.Time)]!)
      return { record: (ms) => recordTime(words, at, ms) }
    },
  }
}

function* entriesOf(bytes: Uint8Array): Generator<{ name: string; kind: Kind; index: number }> {
  for (let index = 0; index < ENTRIES; index++) {
    const at = index * ENTRY_BYTES
    const kind = Atomics.load(bytes, at) as Kind
    if (kind === Kind.Free) return
    const name = new TextDecoder().decode(bytes.slice(at + NAME_AT, at + NAME_AT + bytes[at + 1]!))
    yield { name, kind, index }
  }
}

export function readMetrics(memory: SharedArrayBuffer): MetricValues {
  const { bytes, values, words } = viewsOf(memory)
  const read = Array.from(entriesOf(bytes), ({ name, kind, index }) => {
    const value = values[index]!
    return [name, kind === Kind.Time ? readDistribution(words, distributionAt(value)) : value] as const
  })
  // A name is data: entries of a plain object would make `__proto__` special.
  return Object.assign(Object.create(null) as object, Object.fromEntries(read))
}
