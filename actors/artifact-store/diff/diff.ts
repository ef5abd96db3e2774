/** What leads from one content to another: as JSON, as text, or not at all. */
import { artifactErrors } from '../errors.ts'
import type { JsonChange } from '../protocol.ts'
import { diffJson, parseComparable } from './json.ts'
import { diffTexts, type TextDiff } from './text.ts'

/** The largest text or JSON that is compared. */
export const DIFF_BYTES_MAX = 8 * 1024 * 1024
/** So much of larger content says whether it is text. */
export const SNIFFED_BYTES = 64 * 1024

export interface DiffContent {
  readonly label: string
  readonly contentType: string
  readonly sizeBytes: number
  /** All of it, or of content over `DIFF_BYTES_MAX` the beginning. */
  readonly content: Uint8Array
}

export type ContentDiff =
  | { readonly kind: 'json'; readonly changes: readonly JsonChange[] }
  | ({ readonly kind: 'text' } & TextDiff)
  | { readonly kind: 'binary' }

export interface DiffOptions {
  readonly as: 'text' | 'json' | undefined
  readonly contextLines: number
}

const JSON_TYPE = /^[\w.+-]+\/(json|[\w.-]+\+json)\s*(;|$)/i

/** Yields between short turns. Errors: `DIFF_TOO_LARGE`, `ARTIFACT_INVALID` (asked for as JSON, and is none). */
export function* diffContents(from: DiffContent, to: DiffContent, options: DiffOptions): Generator<void, ContentDiff> {
  const texts = [textOf(from), textOf(to)] as const
  if (texts[0] === null || texts[1] === null) return { kind: 'binary' }
  for (const { sizeBytes } of [from, to]) {
    if (sizeBytes > DIFF_BYTES_MAX) {
      throw artifactErrors.fail('DIFF_TOO_LARGE', { sizeBytes, bytesMax: DIFF_BYTES_MAX })
    }
  }
  yield
  const areJson = JSON_TYPE.test(from.contentType) && JSON_TYPE.test(to.contentType)
  if (options.as === 'json' || (options.as === undefined && areJson)) {
    const before = parseComparable(texts[0])
    yield
    const after = parseComparable(texts[1])
    yield
    if (before !== null && after !== null) {
      return { kind: 'json', changes: yield* diffJson(before.value, after.value) }
    }
    if (options.as === 'json') {
      const field = before === null ? from.label : to.label
      const problem = 'cannot be compared as JSON: it is none, too deep, or has numbers that are not exact'
      throw artifactErrors.fail('ARTIFACT_INVALID', { field, problem })
    }
  }
  const [a, b] = [
    { label: from.label, text: texts[0] },
    { label: to.label, text: texts[1] },
  ]
  return { kind: 'text', ...(yield* diffTexts(a, b, options.contextLines)) }
}

/** Null when it is not UTF-8, or has a NUL in it: no text. */
function textOf({ content, sizeBytes }: DiffContent): string | null {
  if (content.includes(0)) return null
  try {
    // Of a beginning, the last character may be cut.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content, {
      stream: content.length < sizeBytes,
    })
  } catch {
    return null
  }
}
