/**
 * The way of messages from a ring into the held table, with a death at every store and between any two.
 *
 * The real ring and the real table, driven as the pump does it: take, advance, start, answer, free. A life dies before its
 * n-th store or right after it; what plain writes into free cells had come to is then anything at all. The supervisor
 * lays it down, and the next life goes on.
 */
import type * as heldTable from '../../runtime/mailbox/held-table.ts'
import type { HeldTable } from '../../runtime/mailbox/held-table.ts'
import { RecordKind, ringBytes } from '../../runtime/rings/layout.ts'
import { createConsumer, createProducer, ringMemory, type AtomicsLike } from '../../runtime/rings/ring.ts'

export interface MailboxScenario {
  readonly records: number
  readonly cells: number
  /** Messages that stay in flight while later ones are taken. */
  readonly pending: number
  /** The handler may be run again. */
  readonly redeliver: boolean
  /** A mutant of the driver: gives the ring's room back before the cell is published. */
  readonly advancesFirst?: boolean
}

export interface MailboxLedger {
  /** For each life the values in the order of their starts. */
  readonly starts: readonly number[][]
  readonly answers: number[]
  /** Those whose askers were told that the actor restarted. */
  readonly failures: number[]
}

/** When a life ends: before its n-th store, or right after it. */
export interface Death {
  readonly store: number
  readonly after: boolean
}

const DEAD = Symbol('this life is over')
const LANE = 7
const CAPACITY_BYTES = 1024
const PAYLOAD_BYTES = 8

export function playMailbox(
  table: typeof heldTable,
  scenario: MailboxScenario,
  deaths: readonly Death[],
): MailboxLedger {
  const ring = ringMemory(new SharedArrayBuffer(ringBytes(CAPACITY_BYTES)), 0, CAPACITY_BYTES)
  const producer = createProducer(ring)
  for (let value = 0; value < scenario.records; value++) {
    producer.write(RecordKind.Ask, 0, 1, value, Infinity, Uint8Array.of(value), 0, 1)
  }
  const memory = table.heldTableMemory(scenario.cells, PAYLOAD_BYTES)
  const ledger = { starts: [] as number[][], answers: [] as number[], failures: [] as number[] }

  function live(death: Death | undefined): boolean {
    let stores = 0
    const store = <T>(perform: () => T): T => {
      stores++
      if (death?.store === stores && !death.after) throw DEAD
      const result = perform()
      if (death?.store === stores) throw DEAD
      return result
    }
    const atomics: AtomicsLike = {
      load: (words, index) => Atomics.load(words, index),
      store: (words, index, value) => store(() => Atomics.store(words, index, value)),
      compareExchange: (words, index, expected, value) =>
        store(() => Atomics.compareExchange(words, index, expected, value)),
      wait: () => 'timed-out',
      notify: () => 0,
    }
    try {
      run(createConsumer(ring, atomics), table.openHeldTable(memory, atomics), store)
      return true
    } catch (thrown) {
      if (thrown !== DEAD) throw thrown
      return false
    }
  }

  function run(
    requests: ReturnType<typeof createConsumer>,
    cells: HeldTable,
    store: (perform: () => unknown) => unknown,
  ): void {
    const inFlight: number[] = []
    const valueOf = (cell: number): number => {
      const { bytes, payloadStart, payloadEnd, correlation } = cells.read(cell)
      if (payloadEnd - payloadStart !== 1 || bytes[payloadStart] !== correlation) throw new Error('a torn message')
      return correlation
    }
    const start = (cell: number): void => {
      cells.markStarted(cell)
      store(() => ledger.starts.at(-1)!.push(valueOf(cell)))
      inFlight.push(cell)
      if (inFlight.length > scenario.pending) answer()
    }
    const answer = (): void => {
      const cell = inFlight.shift()!
      store(() => ledger.answers.push(valueOf(cell)))
      cells.free(cell)
    }

    if (requests.next() && cells.holds(LANE, requests)) requests.advance()
    for (const cell of cells.takeLeftovers()) {
      if (!cells.read(cell).interrupted || scenario.redeliver) start(cell)
      else {
        store(() => ledger.failures.push(valueOf(cell)))
        cells.free(cell)
      }
    }
    while (requests.next()) {
      if (cells.inFlight() === scenario.cells) answer()
      if (scenario.advancesFirst === true) requests.advance()
      const cell = cells.take(LANE, requests)
      if (scenario.advancesFirst !== true) requests.advance()
      start(cell)
    }
    while (inFlight.length > 0) answer()
  }

  /** What a dead life wrote into cells that it had not published may be anything. */
  function scramble(): void {
    const words = new Int32Array(memory.buffer)
    const stride = words.length / memory.cells
    for (let cell = 0; cell < memory.cells; cell++) {
      // The state is a cell's first word, and 0 is free.
      if (words[cell * stride] === 0) words.fill(0x5a5a5a5a, cell * stride + 1, (cell + 1) * stride)
    }
  }

  for (let life = 0; ; life++) {
    ledger.starts.push([])
    if (live(deaths[life])) return ledger
    scramble()
    table.blame(memory, null, true)
  }
}

/** Why the ledger of a history must not be; `null` when it may. */
export function mailboxViolation({ records, redeliver }: MailboxScenario, ledger: MailboxLedger): string | null {
  const { starts, answers, failures } = ledger
  const count = (values: readonly number[], value: number): number => values.filter((each) => each === value).length
  for (let value = 0; value < records; value++) {
    const started = count(starts.flat(), value)
    if (count(answers, value) + count(failures, value) === 0) return `${value} was lost`
    if (redeliver && count(failures, value) > 0) return `${value} failed and may be repeated`
    if (!redeliver && started > 1) return `${value} was started ${started} times`
  }
  // A life that ends between an answer and its cell leaves one message that is settled again.
  const again = answers.length + failures.length - records
  if (again > starts.length - 1) return `${again} messages were settled again in ${starts.length} lives`
  const disordered = starts.find((values) => values.some((value, at) => at > 0 && value <= values[at - 1]!))
  return disordered === undefined ? null : `started in the order ${disordered.join()}`
}
