/**
 * Content that comes in parts: hashed as it comes, written block by block, an artifact only when it is complete.
 *
 *   begin ─► append … append ─► commit ─► artifact
 *              │ block │ block     └► otherwise (abort, death of the sender, silence): the blocks are dead bytes in the log
 *
 * I1. Memory: one block and the part in hand for each upload, and at most `UPLOADS_MAX` of them.
 * I2. The log keeps the blocks of an upload (`hold`) until a record names them or it has ended.
 */
import { createHash, type Hash } from 'node:crypto'
import type { ActorContext, CallContext, Timer } from '../../runtime/index.ts'
import { BLOCK_BYTES, writeBlock } from './content.ts'
import { artifactErrors } from './errors.ts'
import { invalid, type About } from './input.ts'
import { PART_BYTES_MAX, type ContentHash } from './protocol.ts'
import type { Block } from './records.ts'
import type { Storage } from './storage.ts'
import type { PreparedPut } from './store.ts'

export interface Uploads {
  begin(storage: Storage, about: About, ctx: CallContext): string
  /** Returns how many bytes were received. Errors: `UPLOAD_UNKNOWN`, `UPLOAD_GAP`, `ARTIFACT_INVALID`. */
  append(uploadId: string, offset: number, content: Uint8Array): number
  /** The finished upload; `end` it when it is written. */
  finish(storage: Storage, uploadId: string, expected: ContentHash | undefined): PreparedPut
  /** Returns the bytes it leaves behind in the log. */
  end(uploadId: string): number
  endAll(): void
}

interface Upload {
  readonly storage: Storage
  readonly about: About
  readonly sha256: Hash
  readonly blocks: Block[]
  /** The block being filled. */
  readonly block: Buffer
  blockBytes: number
  receivedBytes: number
  release: (() => void) | null
  timer: Timer
  readonly unmonitor: () => void
}

const UPLOADS_MAX = 64
const SILENT_MS = 10 * 60_000

/** `onAbandoned`: an upload was dropped that left bytes behind. */
export function createUploads(ctx: ActorContext, onAbandoned: () => void): Uploads {
  const uploads = new Map<string, Upload>()

  function end(uploadId: string): number {
    const upload = uploads.get(uploadId)
    if (upload === undefined) return 0
    uploads.delete(uploadId)
    upload.timer.cancel()
    upload.unmonitor()
    upload.release?.()
    return upload.blocks.reduce((sum, [, bytes]) => sum + bytes, 0)
  }

  function abandon(uploadId: string): void {
    if (end(uploadId) > 0) onAbandoned()
  }

  function silence(uploadId: string): Timer {
    return ctx.clock.setTimer(SILENT_MS, () => abandon(uploadId))
  }

  function known(uploadId: string): Upload {
    const upload = uploads.get(uploadId)
    // When the storage was opened again, what was not durable may be gone.
    if (upload !== undefined && !upload.storage.failed && !upload.storage.log.closed) return upload
    end(uploadId)
    throw artifactErrors.fail('UPLOAD_UNKNOWN', { uploadId })
  }

  function writeFull(upload: Upload, bytes: Uint8Array): void {
    const block = writeBlock(upload.storage, bytes)
    upload.release ??= upload.storage.hold(block[0])
    upload.blocks.push(block)
  }

  function take(upload: Upload, content: Uint8Array): void {
    upload.sha256.update(content)
    for (let at = 0; at < content.length;) {
      const bytes = Math.min(BLOCK_BYTES - upload.blockBytes, content.length - at)
      upload.block.set(content.subarray(at, at + bytes), upload.blockBytes)
      upload.blockBytes += bytes
      at += bytes
      if (upload.blockBytes === BLOCK_BYTES) {
        writeFull(upload, upload.block)
        upload.blockBytes = 0
      }
    }
    upload.receivedBytes += content.length
  }

  return {
    begin(storage, about, call) {
      const uploadId = call.call.id
      if (uploads.has(uploadId)) return uploadId
      if (uploads.size >= UPLOADS_MAX) throw artifactErrors.fail('UPLOADS_TOO_MANY', { uploadsMax: UPLOADS_MAX })
      const { sender, senderIncarnation } = call.call
      uploads.set(uploadId, {
        storage,
        about,
        sha256: createHash('sha256'),
        blocks: [],
        block: Buffer.allocUnsafe(BLOCK_BYTES),
        blockBytes: 0,
        receivedBytes: 0,
        release: null,
        timer: silence(uploadId),
        unmonitor: ctx.monitor(sender, ({ incarnation }) => {
          if (incarnation === senderIncarnation) abandon(uploadId)
        }),
      })
      return uploadId
    },
    append(uploadId, offset, content) {
      const upload = known(uploadId)
      if (content.length > PART_BYTES_MAX) throw invalid('content', `must be at most ${PART_BYTES_MAX} bytes`)
      const expected = upload.receivedBytes
      if (offset + content.length <= expected) return expected
      if (offset !== expected) throw artifactErrors.fail('UPLOAD_GAP', { uploadId, expected, offset })
      upload.timer.cancel()
      upload.timer = silence(uploadId)
      try {
        take(upload, content)
      } catch (error) {
        // Half of the part is hashed: it cannot go on.
        abandon(uploadId)
        throw error
      }
      return upload.receivedBytes
    },
    finish(storage, uploadId, expected) {
      const upload = known(uploadId)
      if (upload.storage !== storage) throw artifactErrors.fail('UPLOAD_UNKNOWN', { uploadId })
      const hash = upload.sha256.copy().digest('hex') as ContentHash
      if (expected !== undefined && expected !== hash) throw invalid('hash', `is not that of what arrived (${hash})`)
      const rest = upload.block.subarray(0, upload.blockBytes)
      return {
        hash,
        sizeBytes: upload.receivedBytes,
        about: upload.about,
        digest: `upload ${uploadId}`,
        write(to, record) {
          if (upload.blocks.length === 0) return void to.write({ ...record, content: 'here' }, rest)
          const last = rest.length === 0 ? [] : [writeBlock(to, rest)]
          to.write({ ...record, content: { blocks: [...upload.blocks, ...last] } })
        },
      }
    },
    end,
    endAll() {
      for (const uploadId of uploads.keys()) end(uploadId)
    },
  }
}
