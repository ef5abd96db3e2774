/** Chance and ids as dependencies: seeded in tests, from the system in production. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Clock } from './clock.ts'

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
}

export interface Ids {
  /** A new id, sortable by creation time: `<prefix>_<26 characters>` (Crockford base 32: 48 bits of time, 80 of chance). */
  next(prefix: string): string
}

export const systemRandom: Random = Object.freeze({ next: () => randomInt(2 ** 47) / 2 ** 47 })

/** A small fast generator (splitmix32) whose whole sequence follows from `seed`. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return {
    next() {
      state = (state + 0x9e3779b9) >>> 0
      let mixed = state ^ (state >>> 16)
      mixed = Math.imul(mixed, 0x21f0aaad)
      mixed ^= mixed >>> 15
      mixed = Math.imul(mixed, 0x735a2d97)
      return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
    },
  }
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export function createIds(clock: Clock, random?: Random): Ids {
  return {
    next(prefix) {
      const bytes = random === undefined ? randomBytes(10) : Uint8Array.from({ length: 10 }, () => random.next() * 256)
      return `${prefix}_${base32(BigInt(Math.max(0, Math.floor(clock.now()))), 10)}${base32(bytesToBigInt(bytes), 16)}`
    },
  }
}

function base32(value: bigint, digits: number): string {
  let text = ''
  for (let i = 0; i < digits; i++) {
    text = ALPHABET[Number(value & 31n)]! + text
    value >>= 5n
  }
  return text
}

function bytesToBigInt(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}
