/** A part of a score, and what it rests on. */

export interface QualityPart {
  /** 0 to 1. */
  readonly score: number
  /** What was found, for people. */
  readonly findings: readonly string[]
}

/** What is judged. */
export interface Judged {
  readonly contentType: string
  readonly name: string | null
  readonly sizeBytes: number
  /** All of it, or the beginning. */
  readonly content: Uint8Array
}

export function clamp(value: number): number {
  return Math.min(1, Math.max(0, value))
}

/** The text, without a character that the end of the sample cut; null when it is no text. */
export function textOf({ content, sizeBytes }: Judged): string | null {
  if (content.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content, { stream: content.length < sizeBytes })
  } catch {
    return null
  }
}

export type Format = 'json' | 'yaml' | 'markdown' | 'html' | 'code' | 'text' | 'image' | 'other'

const BY_ENDING: readonly (readonly [RegExp, Format])[] = [
  [/\.json$/i, 'json'],
  [/\.ya?ml$/i, 'yaml'],
  [/\.(md|markdown)$/i, 'markdown'],
  [/\.html?$/i, 'html'],
  [/\.(m?[jt]sx?|c[jt]s|py|go|rs|java|c|h|cc|cpp|hpp|cs|rb|php|swift|kt|css|sql|sh)$/i, 'code'],
  [/\.(txt|log|csv|tsv)$/i, 'text'],
]

/** By the type; by the ending of the name where that says only that there are bytes or text. */
export function formatOf({ contentType, name }: Judged): Format {
  const type = contentType.split(';')[0]!.trim().toLowerCase()
  if (/[/+]json$/.test(type)) return 'json'
  if (/[/+](x-)?yaml$/.test(type)) return 'yaml'
  if (type === 'text/markdown') return 'markdown'
  if (type === 'text/html' || type.endsWith('+html')) return 'html'
  if (
    /^(text|application)\/(x-)?(javascript|typescript|ecmascript|python|java|rust|go|c|c\+\+|css|sql|sh)$/.test(type)
  ) {
    return 'code'
  }
  if (type.startsWith('image/') && type !== 'image/svg+xml') return 'image'
  const ending = type === 'text/plain' || type === 'application/octet-stream' ? (name ?? '') : ''
  const format = BY_ENDING.find(([pattern]) => pattern.test(ending))?.[1]
  return format ?? (type.startsWith('text/') ? 'text' : 'other')
}
