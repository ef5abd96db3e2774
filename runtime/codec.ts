/**
 * Message bodies as MessagePack.
 *
 * I1. Every message decodes alone, in any order, in any incarnation: no state is shared between messages (no evolving
 *     record tables, no `sequential`). Objects travel as maps: for the small bodies of calls these decode faster than
 *     records whose shape travels inline.
 * I2. Decoded values own their bytes: nothing points into a ring that is written again.
 * I3. Hostile or torn bytes give `CODEC_INVALID`, never a crash and never a change of a prototype.
 *
 * Survive: what JSON can say, and undefined, bigint, Date, Set, RegExp, Error, Uint8Array, Buffer and typed arrays. Maps
 * and class instances arrive as plain objects; functions and symbols are refused.
 */
import * as msgpackr from 'msgpackr/pack'
import { describe } from './common/errors.ts'
import { fail } from './errors.ts'
import { copy } from './rings/ring.ts'

/** Largest body, in the ring or in a block. */
export const MESSAGE_BYTES_MAX = 256 * 1024 * 1024

// Encode straight into msgpackr's own buffer and give the space back: the bytes are copied out before the next call.
const REUSE_BUFFER_MODE = 512
const RESET_BUFFER_MODE = 1024
const KEPT_BUFFER_BYTES = 1024 * 1024

/** msgpackr remembers the keys of maps only in what ends before this offset of its buffer: up to it, a copy saves a third. */
const KEYS_CACHED_BYTES = 179

/** Bytes from `start` to `end` of `bytes`, valid until the next `encode`. */
export interface Encoded {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

interface MutableEncoded {
  bytes: Uint8Array
  start: number
  end: number
}

export interface Codec {
  /** Throws `CODEC_INVALID` for what cannot be said, `MESSAGE_TOO_LARGE` over the limit. `actor` is for the message. */
  encode(value: unknown, actor: string): Encoded
  decode(bytes: Uint8Array, start: number, end: number, actor: string): unknown
}

export function createCodec(): Codec {
  const packr = new msgpackr.Packr({
    useRecords: false,
    variableMapSize: true,
    moreTypes: true,
    copyBuffers: true,
    int64AsType: 'bigint',
    writeFunction: refuseFunction,
  })
  const range = { start: 0, end: 0 }
  const short = Buffer.alloc(KEYS_CACHED_BYTES)
  const encoded: MutableEncoded = { bytes: new Uint8Array(0), start: 0, end: 0 }
  // The published types know `pack(value)` only; the modes are documented for exactly this use.
  const pack = packr.pack.bind(packr) as (value: unknown, mode: number) => Uint8Array & { start: number; end: number }

  return {
    encode(value, actor) {
      try {
        const target = pack(value, REUSE_BUFFER_MODE | RESET_BUFFER_MODE)
        encoded.bytes = target
        encoded.start = target.start
        encoded.end = target.end
      } catch (cause) {
        throw fail('CODEC_INVALID', { actor, reason: describe(cause) }, { cause })
      }
      const bytes = encoded.end - encoded.start
      if (bytes > KEPT_BUFFER_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(8192))
      if (bytes > MESSAGE_BYTES_MAX) {
        throw fail('MESSAGE_TOO_LARGE', { actor, bytes, bytesMax: MESSAGE_BYTES_MAX })
      }
      return encoded
    },
    decode(bytes, start, end, actor) {
      try {
        if (start === end) throw new RangeError('no bytes')
        // msgpackr's optional native reader looks at the memory behind what it is given, so it gets exactly the message;
        // the one written in JS need not pay for a view of each.
        if (nativeReader()) return packr.unpack(bytes.subarray(start, end)) as unknown
        if (end > KEYS_CACHED_BYTES && end - start <= KEYS_CACHED_BYTES) {
          copy(bytes, start, end, short, 0)
          range.start = 0
          range.end = end - start
          return packr.unpack(short, range) as unknown
        }
        range.start = start
        range.end = end
        return packr.unpack(bytes, range) as unknown
      } catch (cause) {
        throw fail('CODEC_INVALID', { actor, reason: describe(cause) }, { cause })
      }
    },
  }
}

function refuseFunction(): never {
  throw new TypeError('a function cannot be sent')
}

/** Whether some package of this thread has switched the native reader on; the published types leave this export out. */
function nativeReader(): boolean {
  return (msgpackr as { readonly isNativeAccelerationEnabled?: boolean }).isNativeAccelerationEnabled === true
}
