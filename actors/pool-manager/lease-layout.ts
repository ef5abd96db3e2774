/**
 * Layout of the shared lease region, in 32-bit words. It outlives every actor: a restarted Pool Manager reads from it
 * who holds what.
 *
 *   header   32 words   magic · layout version · modelsMax · reserved | (next cache line) use clock · reserved
 *   holders  64 rows    incarnation · name hash (2 words) · reserved                       written by the pool only
 *   models   modelsMax  state word · slots · id hash (2) · host · memory KiB · reserved | uses · last use · reserved
 *   slots    modelsMax × 1,024 words, one per concurrent lease; 0 = free
 *
 *   state word  = generation (24 bits) | 0 (3) | wanted (1) | state (4)                    written by the pool only
 *   slot word   = incarnation of the holder (16) | offered (1) | arbitrated (1) | sequence (14)
 *
 * A model's slots stand at a fixed place (index × 1,024): untouched pages of the region cost nothing, and a slot can be
 * found without reading anything first. What is written on every lease lies on its own cache line.
 */

/** Name of the shared region the system must be started with; size it with `leaseRegionBytes`. */
export const LEASE_REGION = 'leases'
/** Concurrent leases of one model, at most. */
export const SLOTS_MAX = 1_024

export const MAGIC = 0x50_49_54_4c
export const LAYOUT_VERSION = 1

const WORD_BYTES = 4

export const HEADER_MAGIC = 0
export const HEADER_VERSION = HEADER_MAGIC + 1
export const HEADER_MODELS_MAX = HEADER_VERSION + 1
/** Counts every lease of every model: the order of last uses without a clock. On a cache line of its own. */
export const HEADER_USE_CLOCK = 16
export const HEADER_WORDS = 32

export const HOLDERS_MAX = 64
export const HOLDER_INCARNATION = 0
export const HOLDER_NAME_HASH = HOLDER_INCARNATION + 1
export const HOLDER_WORDS = 4
export const HOLDERS_AT = HEADER_WORDS

export const MODEL_STATE = 0
export const MODEL_SLOTS = MODEL_STATE + 1
export const MODEL_ID_HASH = MODEL_SLOTS + 1
export const MODEL_HOST = MODEL_ID_HASH + 2
export const MODEL_MEMORY_KIB = MODEL_HOST + 1
export const MODEL_USES = 16
export const MODEL_LAST_USE = MODEL_USES + 1
export const MODEL_WORDS = 32
export const MODELS_AT = HOLDERS_AT + HOLDERS_MAX * HOLDER_WORDS

/** State codes in the low bits of the state word; 0 is a row without a model. */
export const STATE_CODE = { cold: 1, warming: 2, hot: 3, cooling: 4, failed: 5 } as const
export type StateCode = (typeof STATE_CODE)[keyof typeof STATE_CODE]

export const STATE_MASK = 0x0f
/** The pool wants to hear of every freed slot, and nobody may take one without it. */
export const WANTED = 0x10
export const GENERATION_STEP = 0x100

export const OFFERED = 0x8000
export const ARBITRATED = 0x4000
export const SEQUENCE_MAX = 0x3fff
export const INCARNATION_SHIFT = 16

export function slotsAt(modelsMax: number): number {
  return MODELS_AT + modelsMax * MODEL_WORDS
}

/** Bytes of a region for that many models. */
export function leaseRegionBytes(modelsMax: number): number {
  return (slotsAt(modelsMax) + modelsMax * SLOTS_MAX) * WORD_BYTES
}

/** A slot word. Never 0 when the sequence is at least 1. */
export function slotWord(incarnation: number, sequence: number, flags = 0): number {
  return ((incarnation << INCARNATION_SHIFT) | flags | sequence) >>> 0
}

export function incarnationOf(word: number): number {
  return word >>> INCARNATION_SHIFT
}
