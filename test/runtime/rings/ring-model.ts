/** Ring and parking as a model: one producer, one consumer, a supervisor that connects new incarnations. */
import type { AtomicsLike, RingMemory } from '../../../runtime/rings/ring.ts'
import { RecordKind, RING_HEADER_BYTES, RING_WORD } from '../../../runtime/rings/layout.ts'
import { explore, type Explored, type Step } from './explorer.ts'

export interface Protocol {
  readonly ring: typeof import('../../../runtime/rings/ring.ts')
  readonly waiting: typeof import('../../../runtime/rings/waiting.ts')
}

export interface Scenario {
  readonly records: number
  /** Ring position at the start; records before it are taken. */
  readonly startAt: number
  /** Bytes in use at the start: a padding and one record of value 0 that is there to be taken. */
  readonly usedBytes: number
  readonly deathsMax: number
  /** The consumer looks once more after it has declared itself parked. */
  readonly looksAgain: boolean
  /** The consumer dozes before it sleeps; a doze may end at any time. */
  readonly dozes: boolean
  /** The consumer gives room back when it has taken everything, not after each record. */
  readonly batches: boolean
  /** The supervisor nudges the living after a death. */
  readonly nudges: boolean
}

const CAPACITY_BYTES = 512
const HEADER_WORDS = RING_HEADER_BYTES / 4
/** Words behind the ring: the world around it. */
const WORLD = {
  consumerParked: 0,
  producerParked: 1,
  /** Bells on their way. */
  consumerBells: 2,
  producerBells: 3,
  consumerIncarnation: 4,
  /** The incarnation the producer has a port to. */
  portIncarnation: 5,
  /** Value of the next record to write. */
  nextValue: 6,
  /** Value of the next record that must arrive. */
  expected: 7,
  /** Position of the record taken last: what the held table knows. */
  takenPosition: 8,
  producerDied: 9,
  /** Deaths after which the supervisor has not nudged the others yet. */
  nudgesDue: 10,
  words: 11,
} as const
const PRODUCER_MARK = 1
/** Small, so that records do not fill a lap evenly. */
const PAYLOAD = Uint8Array.of(0)

export function exploreRing({ ring, waiting }: Protocol, scenario: Scenario): Explored {
  const buffer = new ArrayBuffer(RING_HEADER_BYTES + CAPACITY_BYTES + WORLD.words * 4)
  const header = new Int32Array(buffer, 0, HEADER_WORDS)
  const world = new Int32Array(buffer, RING_HEADER_BYTES + CAPACITY_BYTES, WORLD.words)
  prepare(buffer, header, world, scenario, ring)

  function memoryOf(step: Step): RingMemory {
    const at = RING_HEADER_BYTES
    return {
      words: stepped(header, step),
      data: stepped(new Uint8Array(buffer, at, CAPACITY_BYTES), step),
      dataWords: stepped(new Int32Array(buffer, at, CAPACITY_BYTES / 4), step),
      dataDoubles: stepped(new Float64Array(buffer, at, CAPACITY_BYTES / 8), step),
      capacityBytes: CAPACITY_BYTES,
    }
  }

  const bell = (step: Step, bells: number, incarnation: number, living: () => number) => ({
    postMessage: () =>
      step(() => {
        // A bell for a dead incarnation rings nowhere.
        if (living() === incarnation) world[bells]! += 1
        return undefined
      }),
  })

  function wakeConsumer(step: Step, atomics: AtomicsLike): void {
    const incarnation = step(() => world[WORLD.portIncarnation]!)
    const port = bell(step, WORLD.consumerBells, incarnation, () => world[WORLD.consumerIncarnation]!)
    waiting.wake(stepped(world, step), WORLD.consumerParked, port, incarnation, atomics)
  }

  function sleep(step: Step, bells: number): void {
    step(
      () => {
        world[bells]! -= 1
        return undefined
      },
      () => world[bells]! > 0,
    )
  }

  function producer(step: Step): void {
    const atomics = atomicsOf(step)
    const out = ring.createProducer(memoryOf(step), atomics)
    const parking = waiting.createParking(stepped(world, step), WORLD.producerParked, PRODUCER_MARK, atomics)
    for (;;) {
      const value = step(() => world[WORLD.nextValue]!++)
      if (value > scenario.records) return
      while (!out.write(RecordKind.Tell, 0, 1, value, value, Uint8Array.of(value), 0, PAYLOAD.length)) {
        parking.park()
        if (out.starve(PAYLOAD.length)) sleep(step, WORLD.producerBells)
        parking.unpark()
      }
      wakeConsumer(step, atomics)
    }
  }

  function consumer(step: Step): void {
    const atomics = atomicsOf(step)
    const incoming = ring.createConsumer(memoryOf(step), atomics)
    const incarnation = step(() => world[WORLD.consumerIncarnation]!)
    const parking = waiting.createParking(stepped(world, step), WORLD.consumerParked, incarnation, atomics)
    for (;;) {
      while (incoming.next()) {
        if (step(() => world[WORLD.takenPosition]!) !== incoming.position) take(step, incoming)
        incoming.take()
        if (scenario.batches && incoming.next()) continue
        if (!incoming.release()) continue
        const port = bell(step, WORLD.producerBells, PRODUCER_MARK, () => PRODUCER_MARK)
        waiting.wake(stepped(world, step), WORLD.producerParked, port, PRODUCER_MARK, atomics)
      }
      if (scenario.dozes) {
        parking.doze(() => !incoming.empty(), 0)
        if (!incoming.empty()) continue
      }
      parking.park()
      if (scenario.looksAgain && !incoming.empty()) parking.unpark()
      else sleep(step, WORLD.consumerBells)
    }
  }

  function take(
    step: Step,
    { data, payloadStart, payloadEnd, correlation, deadlineAt, position }: ReturnType<typeof ring.createConsumer>,
  ): void {
    const value = data[payloadStart]!
    step(() => {
      if (payloadEnd - payloadStart !== PAYLOAD.length)
        throw new Error(`a record of ${payloadEnd - payloadStart} bytes`)
      if (correlation !== value || deadlineAt !== value) throw new Error(`record ${value} is torn`)
      const expected = world[WORLD.expected]!
      // The one record that a dead producer was at may be missing.
      const skipped = world[WORLD.producerDied] === 1 && value === expected + 1
      if (value !== expected && !skipped) throw new Error(`record ${value} where ${expected} was due`)
      if (skipped) world[WORLD.producerDied] = 0
      world[WORLD.expected] = value + 1
      world[WORLD.takenPosition] = position
      return undefined
    })
  }

  /** After a death: nudges both, gives the producer its port to the consumer's present incarnation, and looks once more. */
  function supervisor(step: Step): void {
    for (;;) {
      step(
        () => {
          world[WORLD.nudgesDue]! -= 1
          if (scenario.nudges) {
            world[WORLD.consumerBells]! += 1
            world[WORLD.producerBells]! += 1
          }
          return undefined
        },
        () => world[WORLD.nudgesDue]! > 0,
      )
      step(() => (world[WORLD.portIncarnation] = world[WORLD.consumerIncarnation]!))
      wakeConsumer(step, atomicsOf(step))
    }
  }

  return explore({
    memory: new Uint8Array(buffer),
    deathsMax: scenario.deathsMax,
    threads: [
      {
        name: 'producer',
        program: producer,
        onDeath() {
          world[WORLD.nudgesDue]! += 1
          world[WORLD.producerDied] = 1
          world[WORLD.producerParked] = 0
          world[WORLD.producerBells] = 0
        },
      },
      {
        name: 'consumer',
        program: consumer,
        onDeath() {
          world[WORLD.nudgesDue]! += 1
          world[WORLD.consumerIncarnation]! += 1
          world[WORLD.consumerParked] = 0
          world[WORLD.consumerBells] = 0
        },
      },
      { name: 'supervisor', program: supervisor },
    ],
    atEnd() {
      const missing = scenario.records + 1 - world[WORLD.expected]!
      const allowed = world[WORLD.producerDied] === 1 ? 1 : 0
      if (missing > allowed) throw new Error(`everybody sleeps and ${missing} records have not arrived`)
    },
  })
}

function prepare(
  buffer: ArrayBuffer,
  header: Int32Array,
  world: Int32Array,
  scenario: Scenario,
  ring: Protocol['ring'],
): void {
  const { startAt, usedBytes } = scenario
  header[RING_WORD.Head] = startAt
  header[RING_WORD.Tail] = startAt
  world[WORLD.consumerIncarnation] = 1
  world[WORLD.portIncarnation] = 1
  world[WORLD.takenPosition] = startAt - 8
  world[WORLD.nextValue] = 1
  world[WORLD.expected] = 1
  if (usedBytes === 0) return
  // A padding up to the end of the lap, then one record of value 0.
  const recordBytes = 40
  const dataWords = new Int32Array(buffer, RING_HEADER_BYTES, CAPACITY_BYTES / 4)
  const at = startAt & (CAPACITY_BYTES - 1)
  if (CAPACITY_BYTES - at !== usedBytes - recordBytes) throw new Error('the padding must reach the end of the lap')
  dataWords[at >> 2] = usedBytes - recordBytes - 8
  dataWords[(at >> 2) + 1] = RecordKind.Padding
  header[RING_WORD.Tail] = (startAt + usedBytes - recordBytes) | 0
  const memory: RingMemory = {
    words: header,
    data: new Uint8Array(buffer, RING_HEADER_BYTES, CAPACITY_BYTES),
    dataWords,
    dataDoubles: new Float64Array(buffer, RING_HEADER_BYTES, CAPACITY_BYTES / 8),
    capacityBytes: CAPACITY_BYTES,
  }
  ring.createProducer(memory, Atomics).write(RecordKind.Tell, 0, 1, 0, 0, Uint8Array.of(0), 0, 1)
  world[WORLD.expected] = 0
}

function atomicsOf(step: Step): AtomicsLike {
  // The arrays given are already stepped; what is atomic here is that each call is one step.
  return {
    load: (words, index) => words[index]!,
    store: (words, index, value) => (words[index] = value),
    compareExchange: (words, index, expected, value) => {
      const { raw } = words as unknown as { raw: Int32Array }
      return step(() => {
        const old = raw[index]!
        if (old === expected) raw[index] = value
        return old
      })
    },
    // A doze ends by itself, so the model lets it end at any time: what matters is what follows.
    wait: () => 'timed-out',
    notify: () => 0,
  }
}

/** A view whose every element access is a step. */
function stepped<T extends Int32Array | Uint8Array | Float64Array>(array: T, step: Step): T {
  return new Proxy(array, {
    get(target, key) {
      if (key === 'raw') return target
      if (typeof key === 'string' && /^\d+$/.test(key)) return step(() => target[Number(key)]!)
      return Reflect.get(target, key, target) as unknown
    },
    set(target, key, value: number) {
      step(() => {
        target[Number(key)] = value
        return undefined
      })
      return true
    },
  })
}
