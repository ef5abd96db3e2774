/**
 * The messages an actor has taken and not settled, in memory that outlives its thread.
 *
 *   ring ──copy──► cell: free → held → started → free          (interrupted: started by an incarnation that died)
 *                             │        └─ thread dies: delivered again, or its asker is told
 *                             └─ thread dies: delivered by the next incarnation
 *
 * I1. The cell is published (state `held`) before the ring's head moves on, and the handler starts after: a message is in
 *     the ring, or in a cell, or in both – then `holds` recognises it and the ring's copy is skipped.
 * I2. Only the living incarnation writes cells; the supervisor writes (`blame`) only while no incarnation lives.
 * I3. Bounded: `cells` messages of at most `payloadBytes` each. Untouched cells cost address space only, and free cells
 *     are reused last-in first-out.
 */
import { broken, copy, type AtomicsLike, type RingConsumer } from '../rings/ring.ts'

const CELL = {
  state: 0,
  lane: 1,
  position: 2,
  /** Order of arrival. */
  sequence: 3,
  /** How often it was started before. */
  redelivered: 4,
  /** How many crashes happened in its turn. */
  crashes: 5,
  meta: 6,
  length: 7,
  correlation: 8,
  deadlineAt: 10,
  sentAt: 12,
  reserved: 14,
  words: 16,
} as const
const CELL_HEADER_BYTES = CELL.words * 4

/** `Interrupted`: its incarnation died after the start; told apart from one that was taken and never started. */
const CellState = { Free: 0, Held: 1, Started: 2, Interrupted: 3 } as const

export interface HeldTableMemory {
  readonly buffer: SharedArrayBuffer
  readonly cells: number
  readonly payloadBytes: number
}

export function heldTableMemory(cells: number, payloadBytes: number): HeldTableMemory {
  return { buffer: new SharedArrayBuffer(heldTableBytes(cells, payloadBytes)), cells, payloadBytes }
}

export function heldTableBytes(cells: number, payloadBytes: number): number {
  return cells * strideOf(payloadBytes)
}

/** Frees every cell of a table that nobody uses. Looks before it writes: a page that was never written costs no memory. */
export function clearHeldTable({ buffer, cells, payloadBytes }: HeldTableMemory): void {
  const words = new Int32Array(buffer)
  for (let cell = 0; cell < cells; cell++) {
    const state = (cell * strideOf(payloadBytes)) / 4 + CELL.state
    if (words[state] !== CellState.Free) words[state] = CellState.Free
  }
}

function strideOf(payloadBytes: number): number {
  return CELL_HEADER_BYTES + ((payloadBytes + 7) & ~7)
}

/** A taken message; read from its cell. */
export interface HeldMessage {
  readonly cell: number
  readonly lane: number
  readonly kind: number
  readonly flags: number
  readonly incarnation: number
  readonly correlation: number
  readonly deadlineAt: number
  readonly sentAt: number
  readonly redelivered: number
  readonly crashes: number
  /** An earlier incarnation died while its handler ran. */
  readonly interrupted: boolean
  readonly bytes: Uint8Array
  readonly payloadStart: number
  readonly payloadEnd: number
}

export interface HeldTable {
  /** Copies the ring's current record into a cell; `-1` when all are taken. The caller advances the ring. */
  take(lane: number, record: RingConsumer): number
  /** Whether an earlier incarnation has taken this record without moving the ring on (I1). */
  holds(lane: number, record: RingConsumer): boolean
  read(cell: number): HeldMessage
  markStarted(cell: number): void
  free(cell: number): void
  inFlight(): number
  /**
   * What earlier incarnations left, in order of arrival. Call once, after the ring's copies of held messages were
   * skipped: from then on `holds` knows nothing.
   */
  takeLeftovers(): readonly number[]
}

export function openHeldTable(memory: HeldTableMemory, atomics: AtomicsLike = Atomics): HeldTable {
  const { cells, payloadBytes } = memory
  const stride = strideOf(payloadBytes)
  const words = new Int32Array(memory.buffer)
  const doubles = new Float64Array(memory.buffer)
  const bytes = Buffer.from(memory.buffer as unknown as ArrayBuffer)
  const at = (cell: number, field: number): number => (cell * stride) / 4 + field
  const freeCells: number[] = []
  const left: number[] = []
  for (let cell = cells - 1; cell >= 0; cell--) {
    ;(words[at(cell, CELL.state)] === CellState.Free ? freeCells : left).push(cell)
  }
  left.sort((a, b) => (words[at(a, CELL.sequence)]! - words[at(b, CELL.sequence)]!) | 0)
  let sequence = left.length > 0 ? words[at(left.at(-1)!, CELL.sequence)]! : 0

  const isRecord = (cell: number, lane: number, record: RingConsumer): boolean =>
    words[at(cell, CELL.lane)] === lane &&
    words[at(cell, CELL.position)] === record.position &&
    doubles[at(cell, CELL.correlation) >> 1] === record.correlation

  return {
    take(lane, record) {
      const cell = freeCells.pop()
      if (cell === undefined) return -1
      const length = record.payloadEnd - record.payloadStart
      if (length > payloadBytes) broken('a record of a lane fits into a cell')
      const base = at(cell, 0)
      sequence = (sequence + 1) | 0
      words[base + CELL.lane] = lane
      words[base + CELL.position] = record.position
      words[base + CELL.sequence] = sequence
      words[base + CELL.redelivered] = 0
      words[base + CELL.crashes] = 0
      words[base + CELL.meta] = record.kind | (record.flags << 8) | (record.incarnation << 16)
      words[base + CELL.length] = length
      doubles[(base + CELL.correlation) >> 1] = record.correlation
      doubles[(base + CELL.deadlineAt) >> 1] = record.deadlineAt
      doubles[(base + CELL.sentAt) >> 1] = record.sentAt
      copy(record.data, record.payloadStart, record.payloadEnd, bytes, cell * stride + CELL_HEADER_BYTES)
      atomics.store(words, base + CELL.state, CellState.Held)
      return cell
    },
    holds: (lane, record) => left.some((cell) => isRecord(cell, lane, record)),
    read(cell) {
      const base = at(cell, 0)
      const meta = words[base + CELL.meta]!
      const payloadStart = cell * stride + CELL_HEADER_BYTES
      return {
        cell,
        lane: words[base + CELL.lane]!,
        kind: meta & 0xff,
        flags: (meta >>> 8) & 0xff,
        incarnation: meta >>> 16,
        correlation: doubles[(base + CELL.correlation) >> 1]!,
        deadlineAt: doubles[(base + CELL.deadlineAt) >> 1]!,
        sentAt: doubles[(base + CELL.sentAt) >> 1]!,
        redelivered: words[base + CELL.redelivered]!,
        crashes: words[base + CELL.crashes]!,
        interrupted: words[base + CELL.state] === CellState.Interrupted,
        bytes,
        payloadStart,
        payloadEnd: payloadStart + words[base + CELL.length]!,
      }
    },
    markStarted: (cell) => void atomics.store(words, at(cell, CELL.state), CellState.Started),
    free(cell) {
      if (words[at(cell, CELL.state)] === CellState.Free) broken('a cell is freed once')
      atomics.store(words, at(cell, CELL.state), CellState.Free)
      freeCells.push(cell)
    },
    inFlight: () => cells - freeCells.length,
    takeLeftovers: () => left.splice(0),
  }
}

/**
 * After a death, by the supervisor: every started message was delivered once more; the one whose turn was running
 * (`turnCell`, or all of them when the actor died by itself between turns) also carries the blame for the crash.
 */
export function blame(memory: HeldTableMemory, turnCell: number | null, diedByItself: boolean): void {
  const stride = strideOf(memory.payloadBytes)
  const words = new Int32Array(memory.buffer)
  for (let cell = 0; cell < memory.cells; cell++) {
    const base = (cell * stride) / 4
    if (words[base + CELL.state] !== CellState.Started) continue
    words[base + CELL.state] = CellState.Interrupted
    words[base + CELL.redelivered]! += 1
    if (cell === turnCell || (turnCell === null && diedByItself)) words[base + CELL.crashes]! += 1
  }
}
