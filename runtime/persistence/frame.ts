/**
 * The bytes of a segment file. Little-endian throughout.
 *
 *   segment:  | header 32 | frame | frame | …                    file name: base position, 16 decimal digits, `.seg`
 *   frame:    | magic 3, kind 1 | payload length 4 | synced 8 | payload CRC 4 | header CRC 4 | payload | zeros to 8 |
 *
 * I1. A frame's header CRC covers its own position, so bytes of another place or time never pass for a frame.
 * I2. `synced` is what was durable when the frame was written. A damaged frame below the highest `synced` of any valid
 *     frame was acknowledged once: it is damage, and not the torn end of a crashed write.
 * I3. Frames start at multiples of 8, so that a reader can find the next one after damage.
 */
import { crc32 } from 'node:zlib'
import type { LogPosition } from './log.ts'

export const SEGMENT_HEADER_BYTES = 32
export const FRAME_HEADER_BYTES = 24
export const FRAME_ALIGN_BYTES = 8
/** Raised when older programs could no longer read new files. */
export const LOG_FORMAT_VERSION = 1

const SEGMENT_MAGIC = 'PITLOG1\n'
const SEGMENT_VERSION_AT = 8
const SEGMENT_BASE_AT = 16
/** In the same place in every future version, so that "newer" and "damaged" can be told apart. */
const SEGMENT_CRC_AT = 28

const FRAME_MAGIC = 0x504954
const KIND_AT = 3
const LENGTH_AT = 4
/** 48 bits of 64: 256 TiB of log. */
const SYNCED_AT = 8
const PAYLOAD_CRC_AT = 16
const HEADER_CRC_AT = 20

/** `record` carries a payload; `mark` has none and only says, by its `synced`, that all before it is durable. */
export type FrameKind = 'record' | 'mark'
const KINDS: readonly FrameKind[] = ['record', 'mark']

export interface FrameHeader {
  readonly kind: FrameKind
  readonly payloadBytes: number
  readonly synced: LogPosition
  readonly payloadCrc: number
}

/** Bytes that a payload of this size takes in the log. */
export function frameBytes(payloadBytes: number): number {
  const bytes = FRAME_HEADER_BYTES + payloadBytes
  return bytes + paddingBytes(bytes)
}

const ZEROS = new Uint8Array(FRAME_ALIGN_BYTES)

/** The parts to write for one frame: header, payload parts, padding. */
export function encodeFrame(
  kind: FrameKind,
  payload: readonly Uint8Array[],
  position: LogPosition,
  synced: LogPosition,
): Uint8Array[] {
  let payloadBytes = 0
  let payloadCrc = 0
  for (const part of payload) {
    payloadBytes += part.length
    payloadCrc = crc32(part, payloadCrc)
  }
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUIntLE(FRAME_MAGIC, 0, 3)
  header.writeUInt8(KINDS.indexOf(kind), KIND_AT)
  header.writeUInt32LE(payloadBytes, LENGTH_AT)
  header.writeUIntLE(synced, SYNCED_AT, 6)
  header.writeUInt32LE(payloadCrc, PAYLOAD_CRC_AT)
  header.writeUInt32LE(headerCrc(header, position), HEADER_CRC_AT)
  const padding = paddingBytes(FRAME_HEADER_BYTES + payloadBytes)
  return padding === 0 ? [header, ...payload] : [header, ...payload, ZEROS.subarray(0, padding)]
}

/** The frame header at the start of `bytes`, or null when there is no valid one for that position. */
export function parseFrameHeader(bytes: Uint8Array, position: LogPosition): FrameHeader | null {
  if (bytes.length < FRAME_HEADER_BYTES) return null
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES)
  if (header.readUIntLE(0, 3) !== FRAME_MAGIC) return null
  const kind = KINDS[header.readUInt8(KIND_AT)]
  if (kind === undefined || header.readUInt32LE(HEADER_CRC_AT) !== headerCrc(header, position)) return null
  return {
    kind,
    payloadBytes: header.readUInt32LE(LENGTH_AT),
    synced: header.readUIntLE(SYNCED_AT, 6),
    payloadCrc: header.readUInt32LE(PAYLOAD_CRC_AT),
  }
}

export function payloadMatches(header: FrameHeader, payload: Uint8Array): boolean {
  return payload.length === header.payloadBytes && crc32(payload) === header.payloadCrc
}

export function encodeSegmentHeader(base: LogPosition): Uint8Array {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  header.write(SEGMENT_MAGIC, 0, 'latin1')
  header.writeUInt32LE(LOG_FORMAT_VERSION, SEGMENT_VERSION_AT)
  header.writeBigUInt64LE(BigInt(base), SEGMENT_BASE_AT)
  header.writeUInt32LE(crc32(header.subarray(0, SEGMENT_CRC_AT)), SEGMENT_CRC_AT)
  return header
}

/** The format version of a segment, or null when its header is not whole. */
export function parseSegmentVersion(bytes: Uint8Array): number | null {
  if (bytes.length < SEGMENT_HEADER_BYTES) return null
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES)
  if (header.toString('latin1', 0, SEGMENT_MAGIC.length) !== SEGMENT_MAGIC) return null
  if (header.readUInt32LE(SEGMENT_CRC_AT) !== crc32(header.subarray(0, SEGMENT_CRC_AT))) return null
  return header.readUInt32LE(SEGMENT_VERSION_AT)
}

const SUFFIX = '.seg'

export function segmentName(base: LogPosition): string {
  return `${String(base).padStart(16, '0')}${SUFFIX}`
}

/** The base position in a segment's file name, or null for other files. */
export function parseSegmentName(name: string): LogPosition | null {
  return /^\d{16}\.seg$/.test(name) ? Number(name.slice(0, -SUFFIX.length)) : null
}

function headerCrc(header: Buffer, position: LogPosition): number {
  const positionBytes = Buffer.allocUnsafe(8)
  positionBytes.writeDoubleLE(position)
  return crc32(header.subarray(0, HEADER_CRC_AT), crc32(positionBytes))
}

function paddingBytes(sizeBytes: number): number {
  return (FRAME_ALIGN_BYTES - (sizeBytes % FRAME_ALIGN_BYTES)) % FRAME_ALIGN_BYTES
}
