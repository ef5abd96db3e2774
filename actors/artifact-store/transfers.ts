/** Content in parts: uploads and range reads, as the actor's handlers. */
import type { CallContext } from '../../runtime/index.ts'
import { invalid, resolveAbout, resolveHash, text, wholeNumber } from './input.ts'
import { PART_BYTES_MAX, type ArtifactInput, type ArtifactPart, type ContentHash, type PutResult } from './protocol.ts'
import { change, originOf, ready, reclaimAbandoned, touch, type State } from './state.ts'
import { readRepaired } from './mirror/repairing.ts'
import { putAll, putBefore, visible } from './store.ts'

const PART_BYTES_DEFAULT = 1024 * 1024

export async function beginUpload(
  state: State,
  arg: Omit<ArtifactInput, 'content'>,
  ctx: CallContext,
): Promise<{ readonly uploadId: string }> {
  const about = resolveAbout(arg)
  return { uploadId: state.uploads.begin(await ready(state), about, ctx) }
}

export async function appendUpload(
  state: State,
  { uploadId, offset, content }: { readonly uploadId: string; readonly offset: number; readonly content: Uint8Array },
): Promise<{ readonly receivedBytes: number }> {
  if (!(content instanceof Uint8Array)) throw invalid('content', 'must be bytes (Uint8Array)')
  await ready(state)
  return { receivedBytes: state.uploads.append(text('uploadId', uploadId), wholeNumber('offset', offset), content) }
}

export async function commitUpload(
  state: State,
  arg: { readonly uploadId: string; readonly hash?: ContentHash },
  ctx: CallContext,
): Promise<PutResult> {
  const uploadId = text('uploadId', arg.uploadId)
  const expected = arg.hash === undefined ? undefined : resolveHash(arg.hash)
  const result = await change(state, (storage) => {
    const before = putBefore(storage, `upload ${uploadId}`, originOf(ctx))
    if (before !== null) return before
    const finished = state.uploads.finish(storage, uploadId, expected)
    const [stored] = putAll(storage, [finished], originOf(ctx))
    state.uploads.end(uploadId)
    return stored!
  })
  state.upkeep.stored()
  state.rater.stored([result.hash])
  return result
}

export function abortUpload(state: State, { uploadId }: { readonly uploadId: string }, ctx: CallContext): void {
  if (state.uploads.end(text('uploadId', uploadId)) > 0) reclaimAbandoned(state, ctx)
}

export async function readPart(
  state: State,
  arg: { readonly hash: ContentHash; readonly offset: number; readonly length?: number },
  ctx: CallContext,
): Promise<ArtifactPart | null> {
  const hash = resolveHash(arg.hash)
  const offset = wholeNumber('offset', arg.offset)
  const length = Math.min(PART_BYTES_MAX, wholeNumber('length', arg.length ?? PART_BYTES_DEFAULT))
  const storage = await ready(state)
  const row = visible(storage, hash)
  if (row === null) return null
  const content = await readRepaired(() => ready(state), state.repairs, row, ctx.logger, { offset, length })
  if (offset === 0) touch(state, hash, ctx)
  return { content, sizeBytes: row.sizeBytes }
}
