/**
 * Model leases in shared memory: taking and freeing a slot of a hot model is one compare-and-swap on any thread.
 *
 *   holder (any thread)                         | pool (one thread, the only writer of state words)
 *   --------------------------------------------+----------------------------------------------------
 *   acquire: slot 0 → own token, read state     | publish(cooling, wanted), then count held slots
 *            again; changed → undo              | 0 held → unload; else wait for a freed slot
 *   release: own token → 0, then read state;    | publish(hot, wanted), then look for a free slot
 *            wanted → tell the pool             | offer: slot 0 → offered token; claim: offered → token
 *
 * Invariants, explored over every interleaving by the tests:
 * I1  A slot has at most one holder: each change of a slot word is a compare-and-swap from the value it replaces.
 * I2  No lease is held on a model that is unloaded: a holder sees `cooling`, or the pool sees its slot.
 * I3  No wake-up is lost: whoever frees a slot sees `wanted`, or the pool sees the free slot.
 * I4  An offer is claimed or withdrawn, never both, whoever crashes in between.
 * I5  A holder can only ever free its own token; a wrong release is an error and changes nothing.
 */
import { createHash } from 'node:crypto'
import { poolErrors } from './errors.ts'
import {
  ARBITRATED,
  GENERATION_STEP,
  HEADER_MAGIC,
  HEADER_MODELS_MAX,
  HEADER_USE_CLOCK,
  HEADER_VERSION,
  HOLDER_INCARNATION,
  HOLDER_NAME_HASH,
  HOLDER_WORDS,
  HOLDERS_AT,
  HOLDERS_MAX,
  incarnationOf,
  LAYOUT_VERSION,
  leaseRegionBytes,
  MAGIC,
  MODEL_HOST,
  MODEL_ID_HASH,
  MODEL_LAST_USE,
  MODEL_MEMORY_KIB,
  MODEL_SLOTS,
  MODEL_STATE,
  MODEL_USES,
  MODEL_WORDS,
  MODELS_AT,
  OFFERED,
  SEQUENCE_MAX,
  SLOTS_MAX,
  slotsAt,
  slotWord,
  STATE_CODE,
  STATE_MASK,
  type StateCode,
  WANTED,
} from './lease-layout.ts'

export { LEASE_REGION, leaseRegionBytes, SLOTS_MAX } from './lease-layout.ts'

/** What the table needs of `Atomics`; tests put a stepped twin in its place. */
export interface AtomicsLike {
  load(words: Uint32Array, index: number): number
  store(words: Uint32Array, index: number, value: number): number
  add(words: Uint32Array, index: number, value: number): number
  compareExchange(words: Uint32Array, index: number, expected: number, replacement: number): number
}

/** Identifies one held slot: what release takes. */
export interface LeaseToken {
  readonly modelIndex: number
  readonly slot: number
  readonly token: number
}

/** Answers of `acquire` that are no slot number. */
export const Acquire = {
  /** Every slot is held. */
  Full: -1,
  /** The model is not in the residency the caller knows: ask the pool. */
  Closed: -2,
  /** As `Closed`, and a slot was taken and given back meanwhile: the pool wants to hear of it. */
  ClosedTellPool: -3,
} as const

export class LeaseTable {
  readonly #words: Uint32Array<SharedArrayBuffer>
  readonly #atomics: AtomicsLike
  readonly #slotsAt: number
  readonly modelsMax: number

  constructor(region: SharedArrayBuffer, atomics: AtomicsLike = Atomics) {
    const words = new Uint32Array(region)
    const { modelsMax, problem } = readHeader(words)
    if (problem !== null) throw poolErrors.fail('LEASE_REGION_INVALID', { reason: problem })
    this.#words = words
    this.#atomics = atomics
    this.modelsMax = modelsMax
    this.#slotsAt = slotsAt(modelsMax)
  }

  // Any thread ---------------------------------------------------------------------------------------------------

  /** The model's state word; equal words mean: the same residency, open to everybody. */
  stateWord(modelIndex: number): number {
    return this.#atomics.load(this.#words, modelAt(modelIndex) + MODEL_STATE)
  }

  slots(modelIndex: number): number {
    return this.#atomics.load(this.#words, modelAt(modelIndex) + MODEL_SLOTS)
  }

  /**
   * Takes a slot if the state word is (and after taking still is) `expected`, searching from slot `from`.
   * Answers the slot, or one of `Acquire`.
   */
  acquire(modelIndex: number, expected: number, token: number, from: number): number {
    const atomics = this.#atomics
    const words = this.#words
    const state = modelAt(modelIndex) + MODEL_STATE
    if (atomics.load(words, state) !== expected) return Acquire.Closed
    const slot = this.#take(modelIndex, token, from)
    if (slot < 0) return Acquire.Full
    if (atomics.load(words, state) !== expected) {
      return this.#undo(modelIndex, slot, token) ? Acquire.ClosedTellPool : Acquire.Closed
    }
    this.#countUse(modelIndex)
    return slot
  }

  /** Turns an offer of the pool into a lease; false when the pool has withdrawn it. */
  claim(modelIndex: number, slot: number, offer: number): boolean {
    const at = this.#slotAt(modelIndex, slot)
    if (this.#atomics.compareExchange(this.#words, at, offer, claimed(offer)) !== offer) return false
    this.#countUse(modelIndex)
    return true
  }

  /**
   * Frees a slot. Answers whether the pool must be told.
   * Throws `LEASE_MISMATCH` when the slot does not hold this token; nothing is changed then.
   */
  release(modelIndex: number, slot: number, token: number): boolean {
    const at = this.#slotAt(modelIndex, slot)
    const found = this.#atomics.compareExchange(this.#words, at, token, 0)
    if (found !== token) throw poolErrors.fail('LEASE_MISMATCH', { modelIndex, slot, token, found })
    return (token & ARBITRATED) !== 0 || this.wanted(modelIndex)
  }

  wanted(modelIndex: number): boolean {
    return (this.stateWord(modelIndex) & WANTED) !== 0
  }

  // The pool only ------------------------------------------------------------------------------------------------

  /** The row of that model id, or of a new one (cold, no slots); null when the table is full. */
  row(id: string): number | null {
    const [high, low] = hashWords(id)
    let free: number | null = null
    for (let index = 0; index < this.modelsMax; index++) {
      const at = modelAt(index)
      if ((this.stateWord(index) & STATE_MASK) === 0) free ??= index
      else if (this.#words[at + MODEL_ID_HASH] === high && this.#words[at + MODEL_ID_HASH + 1] === low) return index
    }
    if (free === null) return null
    this.#words[modelAt(free) + MODEL_ID_HASH] = high
    this.#words[modelAt(free) + MODEL_ID_HASH + 1] = low
    this.publish(free, STATE_CODE.cold)
    return free
  }

  /** Only while nothing is held: a smaller number would hide slots that are. */
  setSlots(modelIndex: number, slots: number): void {
    if (slots < 1 || slots > SLOTS_MAX) throw new RangeError(`a model has 1 to ${SLOTS_MAX} slots, not ${slots}`)
    this.#atomics.store(this.#words, modelAt(modelIndex) + MODEL_SLOTS, slots)
  }

  /** Where the model lives and what it is charged, so that a restarted pool knows. */
  setResidence(modelIndex: number, residence: { readonly host: number; readonly memoryBytes: number }): void {
    this.#words[modelAt(modelIndex) + MODEL_HOST] = residence.host
    this.#words[modelAt(modelIndex) + MODEL_MEMORY_KIB] = Math.ceil(residence.memoryBytes / 1024)
  }

  residence(modelIndex: number): { readonly host: number; readonly memoryBytes: number } {
    const at = modelAt(modelIndex)
    return { host: this.#words[at + MODEL_HOST]!, memoryBytes: this.#words[at + MODEL_MEMORY_KIB]! * 1024 }
  }

  /** Writes the state. Becoming hot starts a new generation, so that what others remember of the last one is void. */
  publish(modelIndex: number, state: StateCode, wanted = false): void {
    const at = modelAt(modelIndex) + MODEL_STATE
    const before = this.#atomics.load(this.#words, at)
    const wasHot = (before & STATE_MASK) === STATE_CODE.hot
    const step = state === STATE_CODE.hot && !wasHot ? GENERATION_STEP : 0
    const generation = (before & ~(GENERATION_STEP - 1)) + step
    this.#atomics.store(this.#words, at, (generation | (wanted ? WANTED : 0) | state) >>> 0)
  }

  state(modelIndex: number): number {
    return this.stateWord(modelIndex) & STATE_MASK
  }

  /** Takes a free slot for a holder, who must `claim` it; null when none is free. */
  offer(modelIndex: number, holder: number, sequence: number, arbitrated: boolean): LeaseToken | null {
    const token = slotWord(holder, sequence, OFFERED | (arbitrated ? ARBITRATED : 0))
    const slot = this.#take(modelIndex, token, 0)
    return slot < 0 ? null : { modelIndex, slot, token }
  }

  /** Takes an unclaimed offer back; false when it was claimed or is gone. */
  withdraw(offer: LeaseToken): boolean {
    const at = this.#slotAt(offer.modelIndex, offer.slot)
    return this.#atomics.compareExchange(this.#words, at, offer.token, 0) === offer.token
  }

  /** Whether this very lease (offered or claimed) still stands. */
  stands(lease: LeaseToken): boolean {
    const word = this.#atomics.load(this.#words, this.#slotAt(lease.modelIndex, lease.slot))
    return word === lease.token || word === claimed(lease.token)
  }

  held(modelIndex: number): number {
    let held = 0
    const base = this.#slotAt(modelIndex, 0)
    const slots = this.slots(modelIndex)
    for (let slot = 0; slot < slots; slot++) if (this.#atomics.load(this.#words, base + slot) !== 0) held++
    return held
  }

  /** Frees the slots whose word satisfies `lost`: those of a dead incarnation, or offers nobody will claim. */
  reclaim(modelIndex: number, lost: (incarnation: number, offered: boolean) => boolean): number {
    let freed = 0
    const base = this.#slotAt(modelIndex, 0)
    const slots = this.slots(modelIndex)
    for (let slot = 0; slot < slots; slot++) {
      const word = this.#atomics.load(this.#words, base + slot)
      if (word === 0 || !lost(incarnationOf(word), (word & OFFERED) !== 0)) continue
      if (this.#atomics.compareExchange(this.#words, base + slot, word, 0) === word) freed++
    }
    return freed
  }

  /** Leases ever taken of the model, and the use clock at the last one. */
  uses(modelIndex: number): { readonly count: number; readonly lastUse: number } {
    const at = modelAt(modelIndex)
    return {
      count: this.#atomics.load(this.#words, at + MODEL_USES),
      lastUse: this.#atomics.load(this.#words, at + MODEL_LAST_USE),
    }
  }

  /**
   * Notes that `name` is now in that incarnation. Answers the incarnation it succeeds, which is therefore dead, or null.
   * A late message of an earlier incarnation changes nothing.
   */
  noteHolder(name: string, incarnation: number): number | null {
    const [high, low] = hashWords(name)
    for (let row = 0; row < HOLDERS_MAX; row++) {
      const at = HOLDERS_AT + row * HOLDER_WORDS
      const known = this.#words[at + HOLDER_INCARNATION]!
      if (known === 0) {
        this.#words[at + HOLDER_NAME_HASH] = high
        this.#words[at + HOLDER_NAME_HASH + 1] = low
        this.#words[at + HOLDER_INCARNATION] = incarnation
        return null
      }
      if (this.#words[at + HOLDER_NAME_HASH] !== high || this.#words[at + HOLDER_NAME_HASH + 1] !== low) continue
      if (known >= incarnation) return null
      this.#words[at + HOLDER_INCARNATION] = incarnation
      return known
    }
    return null
  }

  // Parts --------------------------------------------------------------------------------------------------------

  #slotAt(modelIndex: number, slot: number): number {
    return this.#slotsAt + modelIndex * SLOTS_MAX + slot
  }

  #take(modelIndex: number, token: number, from: number): number {
    const base = this.#slotAt(modelIndex, 0)
    const slots = this.slots(modelIndex)
    let slot = from < slots ? from : 0
    for (let tried = 0; tried < slots; tried++) {
      // A plain look first: a failed compare-and-swap costs everyone the cache line.
      if (
        this.#atomics.load(this.#words, base + slot) === 0 &&
        this.#atomics.compareExchange(this.#words, base + slot, 0, token) === 0
      ) {
        return slot
      }
      slot = slot + 1 === slots ? 0 : slot + 1
    }
    return -1
  }

  /** A mismatch here means that the pool took the caller for dead and reclaimed the slot: then it is free already. */
  #undo(modelIndex: number, slot: number, token: number): boolean {
    this.#atomics.compareExchange(this.#words, this.#slotAt(modelIndex, slot), token, 0)
    return this.wanted(modelIndex)
  }

  #countUse(modelIndex: number): void {
    const at = modelAt(modelIndex)
    this.#atomics.add(this.#words, at + MODEL_USES, 1)
    this.#atomics.store(this.#words, at + MODEL_LAST_USE, this.#atomics.add(this.#words, HEADER_USE_CLOCK, 1) + 1)
  }
}

/** The token of a lease whose offer was claimed. */
export function claimed(offer: number): number {
  return (offer & ~OFFERED) >>> 0
}

export function isOpenHot(stateWord: number): boolean {
  return (stateWord & (STATE_MASK | WANTED)) === STATE_CODE.hot
}

/** The next of a cycle of sequence numbers, never 0. */
export function nextSequence(sequence: number): number {
  return sequence >= SEQUENCE_MAX ? 1 : sequence + 1
}

function modelAt(modelIndex: number): number {
  return MODELS_AT + modelIndex * MODEL_WORDS
}

/** Checks the header; a region that nobody used yet (all zero) gets one. Every thread computes the same one. */
function readHeader(words: Uint32Array): { readonly modelsMax: number; readonly problem: string | null } {
  const perModel = MODEL_WORDS + SLOTS_MAX
  const modelsMax = Math.floor((words.length - MODELS_AT) / perModel)
  if (modelsMax < 1)
    return { modelsMax, problem: `it has ${words.byteLength} bytes, one model needs ${leaseRegionBytes(1)}` }
  if (Atomics.load(words, HEADER_MAGIC) === 0) {
    Atomics.store(words, HEADER_VERSION, LAYOUT_VERSION)
    Atomics.store(words, HEADER_MODELS_MAX, modelsMax)
    Atomics.store(words, HEADER_MAGIC, MAGIC)
  }
  if (Atomics.load(words, HEADER_MAGIC) !== MAGIC)
    return { modelsMax, problem: 'it does not start with its magic number' }
  const version = Atomics.load(words, HEADER_VERSION)
  if (version !== LAYOUT_VERSION) return { modelsMax, problem: `it has layout ${version}, this is ${LAYOUT_VERSION}` }
  return { modelsMax, problem: null }
}

/** 64 bits of SHA-256: two names with the same words are not a thing to plan for. */
function hashWords(text: string): readonly [number, number] {
  const digest = createHash('sha256').update(text).digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}
