/** Content of any length in and out of the Artifact Store, part by part: neither side holds more than a few megabytes. */
import {
  PART_BYTES_MAX,
  type ArtifactInput,
  type ArtifactStoreProtocol,
  type ContentHash,
  type PutResult,
} from '../../actors/artifact-store/protocol.ts'
import { own, type ActorRef, type CallOptions } from '../../runtime/index.ts'
import { hostErrors } from '../errors.ts'

type Ask = ActorRef<ArtifactStoreProtocol>['ask']

/** A Web `ReadableStream`, a Node stream, or anything else that gives bytes piece by piece. */
export type ByteSource = AsyncIterable<Uint8Array>

/** The part of an artifact from byte `start` up to, not including, byte `end`. */
export interface ByteRange {
  /** @default 0 */
  readonly start?: number
  /** @default the size of the artifact */
  readonly end?: number
}

/** Small pieces are gathered: every part is a message and an answer. */
const GATHER_BYTES = 1024 * 1024

export async function uploadFrom(
  ask: Ask,
  source: ByteSource,
  about: Omit<ArtifactInput, 'content'>,
  call: CallOptions,
  expected?: ContentHash,
): Promise<PutResult> {
  const { uploadId } = await ask.beginUpload(about, call)
  try {
    let offset = 0
    for await (const content of parts(source)) {
      offset = (await ask.appendUpload({ uploadId, offset, content }, call)).receivedBytes
    }
    return await ask.commitUpload({ uploadId, ...(expected === undefined ? {} : { hash: expected }) }, call)
  } catch (error) {
    // What the upload left is dropped sooner or later; the error is what matters.
    await ask.abortUpload({ uploadId }).catch(() => {})
    throw error
  }
}

async function* parts(source: ByteSource): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array[] = []
  let bytes = 0
  for await (const piece of source) {
    if (!(piece instanceof Uint8Array)) {
      throw hostErrors.fail('ARGUMENT_INVALID', { argument: 'source', expected: 'a stream of bytes', value: piece })
    }
    for (let at = 0; at < piece.length; at += PART_BYTES_MAX / 2) {
      const part = piece.subarray(at, at + PART_BYTES_MAX / 2)
      // Copied: the source may use its buffer again.
      gathered.push(Buffer.from(part))
      if ((bytes += part.length) < GATHER_BYTES) continue
      yield Buffer.concat(gathered)
      gathered = []
      bytes = 0
    }
  }
  if (bytes > 0) yield Buffer.concat(gathered)
}

export async function downloadTo(
  ask: Ask,
  hash: ContentHash,
  range: ByteRange,
  call: CallOptions,
): Promise<ReadableStream<Uint8Array> | null> {
  const start = position(range, 'start', 0)
  const end = position(range, 'end', Infinity)
  const lengthAt = (offset: number): number => Math.max(0, Math.min(GATHER_BYTES, end - offset))
  const first = await ask.read({ hash, offset: start, length: lengthAt(start) }, call)
  if (first === null) return null
  const stop = Math.min(end, first.sizeBytes)
  let offset = start
  const give = (content: Uint8Array, controller: ReadableStreamDefaultController<Uint8Array>): void => {
    offset += content.length
    if (content.length > 0) controller.enqueue(content)
    if (offset >= stop) controller.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => give(first.content, controller),
      async pull(controller) {
        const part = await ask.read({ hash, offset, length: lengthAt(offset) }, call)
        if (part === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference: hash })
        give(part.content, controller)
      },
    },
    { highWaterMark: 0 },
  )
}

function position(range: ByteRange, key: 'start' | 'end', fallback: number): number {
  const value = own(range, key) ?? fallback
  if (value === fallback || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as number
  throw hostErrors.fail('ARGUMENT_INVALID', { argument: key, expected: 'a whole number from 0', value })
}
