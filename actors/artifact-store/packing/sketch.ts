/**
 * Similarity of contents without comparing them: the smallest hashes of their content-defined samples (min-wise sketch,
 * Broder 1997). Two contents share about as many of them as they share pieces, wherever these lie.
 *
 * I1. Stored sketches are compared with new ones: the table, the rolling hash and the number of features never change.
 */
import { GEAR } from './gear.ts'

/** How many hashes make a sketch. */
export const FEATURES = 16
/** Contents that share this many features are worth compressing together. */
export const SIMILAR_MIN = 4

export type Sketch = Uint32Array

/** One of 64 positions is a sample. */
const SAMPLE_SHIFT = 26
/** Of longer contents the beginning and the end are looked at, so that a sketch takes a short turn. */
const SCAN_BYTES_MAX = 256 * 1024
const NOTHING = 0xffffffff

/** Sorted; unused places (short contents) hold the largest number. */
export function sketchOf(content: Uint8Array): Sketch {
  const least = new Uint32Array(FEATURES).fill(NOTHING)
  if (content.length <= 2 * SCAN_BYTES_MAX) scan(content, least)
  else {
    scan(content.subarray(0, SCAN_BYTES_MAX), least)
    scan(content.subarray(-SCAN_BYTES_MAX), least)
  }
  return least
}

function scan(bytes: Uint8Array, least: Uint32Array): void {
  let hash = 0
  for (let at = 0; at < bytes.length; at++) {
    // The upper bits depend on the last 32 bytes, the lower ones on fewer.
    hash = ((hash << 1) + GEAR[bytes[at]!]!) | 0
    if (hash >>> SAMPLE_SHIFT === 0) keep(least, Math.imul(hash, 0x85ebca6b) >>> 0)
  }
}

function keep(least: Uint32Array, feature: number): void {
  let at = FEATURES - 1
  if (feature >= least[at]!) return
  while (at > 0 && least[at - 1]! > feature) at--
  if (at > 0 && least[at - 1] === feature) return
  least.copyWithin(at + 1, at, FEATURES - 1)
  least[at] = feature
}

/** The features that say something. */
export function featuresOf(sketch: Sketch): readonly number[] {
  return [...sketch].filter((feature) => feature !== NOTHING)
}

export function sketchToText(sketch: Sketch): string {
  return Buffer.from(sketch.buffer, sketch.byteOffset, sketch.byteLength).toString('base64')
}

export function sketchFromText(text: string): Sketch {
  const bytes = Buffer.from(text, 'base64')
  const sketch = new Uint32Array(FEATURES).fill(NOTHING)
  for (let i = 0; i < FEATURES && i * 4 + 4 <= bytes.length; i++) sketch[i] = bytes.readUInt32LE(i * 4)
  return sketch
}
