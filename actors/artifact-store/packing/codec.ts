/**
 * Zstandard as packs use it.
 *
 * I1. Of a raw `dictionary` zstd indexes with its default tables only about the last megabyte; the window and both tables
 *     are therefore sized for dictionary and content together.
 * I2. A dictionary that begins with zstd's own dictionary magic would be parsed as one: it is never used.
 */
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync, type ZstdOptions } from 'node:zlib'

/** Compresses off the actor's thread, or on it where everything has to happen in one order (simulation). */
export interface Codec {
  compress(content: Uint8Array, dictionary: Uint8Array | null): Promise<Uint8Array>
}

/** 30–60 MB/s here, in the background; 10–15 % smaller than the default of 3. */
const LEVEL = 9
const LEVEL_QUICK = 1
const LEVEL_SMALL = 3

const WINDOW_LOG_MIN = 17
const WINDOW_LOG_MAX = 26
const TABLE_LOG_MAX = 22
const DICTIONARY_MAGIC = Buffer.from([0x37, 0xa4, 0x30, 0xec])

export const threadPoolCodec: Codec = {
  compress: (content, dictionary) =>
    new Promise((resolve, reject) => {
      zstdCompress(content, options(content, dictionary), (error, encoded) =>
        error === null ? resolve(encoded) : reject(error),
      )
    }),
}

export const sameThreadCodec: Codec = {
  compress: (content, dictionary) => Promise.resolve(zstdCompressSync(content, options(content, dictionary))),
}

function options(content: Uint8Array, dictionary: Uint8Array | null): ZstdOptions {
  const bytes = content.length + (dictionary?.length ?? 0)
  const log = Math.ceil(Math.log2(Math.max(1, bytes)))
  const windowLog = Math.min(WINDOW_LOG_MAX, Math.max(WINDOW_LOG_MIN, log))
  const tableLog = Math.min(TABLE_LOG_MAX, windowLog)
  return {
    chunkSize: 256 * 1024,
    pledgedSrcSize: content.length,
    ...(dictionary === null ? {} : { dictionary }),
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_windowLog]: windowLog,
      [constants.ZSTD_c_hashLog]: tableLog,
      [constants.ZSTD_c_chainLog]: tableLog,
    },
  }
}

/** Throws when it is not what `compress` gave of `sizeBytes` bytes with this dictionary. */
export function decompress(encoded: Uint8Array, dictionary: Uint8Array | null, sizeBytes: number): Uint8Array {
  const content = zstdDecompressSync(encoded, {
    chunkSize: Math.max(64, sizeBytes + 1),
    maxOutputLength: Math.max(1, sizeBytes),
    ...(dictionary === null ? {} : { dictionary }),
    params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
  })
  if (content.length !== sizeBytes) throw new Error(`${content.length} bytes instead of ${sizeBytes}`)
  return content
}

export function canBeDictionary(content: Uint8Array): boolean {
  return !DICTIONARY_MAGIC.equals(content.subarray(0, DICTIONARY_MAGIC.length))
}

/** Small data of the store's own, in one turn. */
export function compressSmall(content: Uint8Array): Uint8Array {
  return zstdCompressSync(content, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL_SMALL } })
}

export function decompressSmall(encoded: Uint8Array): Uint8Array {
  return zstdDecompressSync(encoded)
}

const SAMPLE_BYTES = 16 * 1024
const INCOMPRESSIBLE_SHARE = 0.97

/** Whether a look at its beginning and its middle says that compressing it alone gains nothing. */
export function looksIncompressible(content: Uint8Array): boolean {
  const middle = content.length >> 1
  const samples = [content.subarray(0, SAMPLE_BYTES), content.subarray(middle, middle + SAMPLE_BYTES)]
  return samples.every((sample) => {
    const params = { [constants.ZSTD_c_compressionLevel]: LEVEL_QUICK }
    return zstdCompressSync(sample, { params }).length >= sample.length * INCOMPRESSIBLE_SHARE
  })
}

/** A pack that gains less than this is not worth its decoding. */
export function isWorthwhile(encodedBytes: number, sizeBytes: number): boolean {
  return encodedBytes < sizeBytes * INCOMPRESSIBLE_SHARE
}
