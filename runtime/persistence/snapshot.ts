/**
 * The snapshot of a log: one file, replaced atomically (temporary file, sync, rename, sync of the directory).
 *
 *   | magic 8 | version 4 | CRC of what follows 4 | position 8 | state length 8 | state |
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { fileError, logErrors } from './errors.ts'
import type { FileLayer } from './file-layer.ts'
import { LOG_FORMAT_VERSION } from './frame.ts'
import type { LogPosition } from './log.ts'

const HEADER_BYTES = 32
const MAGIC = 'PITSNAP\n'
const VERSION_AT = 8
const CRC_AT = 12
const POSITION_AT = 16
const LENGTH_AT = 24

const NAME = 'snapshot'
export const SNAPSHOT_TEMPORARY_NAME = 'snapshot.tmp'

export interface Snapshot {
  readonly position: LogPosition
  readonly state: Uint8Array
}

export async function writeSnapshotFile(files: FileLayer, dir: string, snapshot: Snapshot): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(LOG_FORMAT_VERSION, VERSION_AT)
  header.writeBigUInt64LE(BigInt(snapshot.position), POSITION_AT)
  header.writeBigUInt64LE(BigInt(snapshot.state.length), LENGTH_AT)
  header.writeUInt32LE(crc32(snapshot.state, crc32(header.subarray(POSITION_AT))), CRC_AT)
  const temporary = join(dir, SNAPSHOT_TEMPORARY_NAME)
  try {
    const fd = files.open(temporary, 'write')
    try {
      files.truncate(fd, 0)
      files.write(fd, [header, snapshot.state], 0)
      await files.sync(fd)
    } finally {
      files.close(fd)
    }
    files.rename(temporary, join(dir, NAME))
    files.syncDir(dir)
  } catch (cause) {
    throw fileError(cause, dir)
  }
}

export function readSnapshotFile(files: FileLayer, dir: string): Snapshot | null {
  if (!files.list(dir).includes(NAME)) return null
  const path = join(dir, NAME)
  const bytes = readWhole(files, dir, path)
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER_BYTES))
  const magic = header.toString('latin1', 0, MAGIC.length)
  const version = header.length < HEADER_BYTES || magic !== MAGIC ? null : header.readUInt32LE(VERSION_AT)
  if (version !== null && version > LOG_FORMAT_VERSION) {
    throw logErrors.fail('LOG_VERSION_UNSUPPORTED', { file: path, version, supported: LOG_FORMAT_VERSION })
  }
  if (version === null || header.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(POSITION_AT))) {
    throw logErrors.fail('LOG_CORRUPT', { file: path, position: 0 })
  }
  return { position: Number(header.readBigUInt64LE(POSITION_AT)), state: bytes.subarray(HEADER_BYTES) }
}

function readWhole(files: FileLayer, dir: string, path: string): Uint8Array {
  try {
    const fd = files.open(path, 'read')
    try {
      const bytes = new Uint8Array(files.size(fd))
      return bytes.subarray(0, files.read(fd, bytes, 0))
    } finally {
      files.close(fd)
    }
  } catch (cause) {
    throw fileError(cause, dir)
  }
}
