/**
 * Cuts a text into chunks that respect its structure.
 *
 * The text is tiled by pieces, each no longer than the maximum; neighbouring pieces are then joined while they fit.
 *
 *     text      ──split──▶  pieces   ──pack──▶  chunks
 *     # A ¶ ¶   ## B ¶ ```…```  ¶      ▏# A ¶ ¶▕ ▏## B ¶▕ ▏```…``` ¶▕
 *
 * I1  Chunks are in order, and every character that is not white space lies in a chunk (in exactly one without overlap).
 * I2  `text.slice(start, end)` is the chunk's text, and it is at most `maxChars` long.
 * I3  No chunk begins or ends inside a surrogate pair.
 * I4  A code fence or table that fits into a chunk (less its overlap) is never cut; a larger one is cut between lines.
 *
 * A piece that is too long is cut by the next finer separator: block, sentence, word, code point (markup and text) or
 * top-level declaration, blank line, line, code point (code). In Markdown a heading starts a new chunk, unless what is
 * open is smaller than a quarter of the maximum: a title alone is no use to anybody.
 */
import { headingText } from './markup.ts'
import { sentenceSpans, type Span } from './tokenize.ts'

export type ChunkContentType = 'markdown' | 'text' | 'code'
export const CHUNK_CONTENT_TYPES: readonly ChunkContentType[] = ['markdown', 'text', 'code']

export interface Chunk {
  readonly text: string
  /** Offsets in UTF-16 code units. */
  readonly start: number
  readonly end: number
  /** The nearest heading at or above the chunk's beginning (Markdown only), without its marks. */
  readonly heading?: string
}

export interface ChunkingOptions {
  readonly contentType: ChunkContentType
  readonly maxChars: number
  /** How much of the text before it a chunk repeats, at most; less than half of `maxChars`. */
  readonly overlapChars: number
}

interface Piece extends Span {
  /** Set on a heading: its words. */
  readonly heading?: string
  /** Cut by lines rather than by sentences when too long. */
  readonly verbatim?: boolean
}

type Splitter = (text: string) => readonly Span[]

export function chunkText(text: string, { contentType, maxChars, overlapChars }: ChunkingOptions): readonly Chunk[] {
  const roomChars = maxChars - overlapChars
  const blocks = contentType === 'code' ? splitBy(text, declarations) : blocksOf(text, contentType === 'markdown')
  const pieces = blocks.flatMap((block) => fit(text, block, roomChars, splittersFor(block, contentType)))
  return finish(text, pack(text, pieces, roomChars), pieces, overlapChars)
}

function splittersFor(block: Piece, contentType: ChunkContentType): readonly Splitter[] {
  if (contentType === 'code') return [blankLines, lines]
  return block.verbatim === true ? [lines] : [sentenceSpans, wordEnds]
}

// ---- pieces

const FENCE = /^ {0,3}(`{3,}|~{3,})/

/** Paragraphs and, in Markdown, headings, fences and tables; each with the white space that follows it. */
function blocksOf(text: string, markdown: boolean): readonly Piece[] {
  const pieces: Piece[] = []
  let start = 0
  let fence: string | null = null
  let kind: 'none' | 'prose' | 'verbatim' = 'none'
  let blank = false

  const close = (end: number): void => {
    if (end > start) pieces.push({ start, end, verbatim: kind === 'verbatim' })
    start = end
    kind = 'none'
  }

  for (const line of lines(text)) {
    const content = text.slice(line.start, line.end).trimEnd()
    const mark = markdown ? FENCE.exec(content)?.[1] : undefined
    const heading = markdown && fence === null ? headingText(content) : null
    const isTable = markdown && /^\s*\|/.test(content)
    if (fence !== null) {
      if (mark !== undefined && mark.startsWith(fence) && content.trim() === mark) fence = null
    } else if (content.trim() === '') {
      blank = true
      continue
    } else if (mark !== undefined) {
      close(line.start)
      fence = mark
      kind = 'verbatim'
    } else if (heading !== null) {
      close(line.start)
      pieces.push({ start: line.start, end: line.end, heading })
      start = line.end
    } else if (blank || kind === 'none' || isTable !== (kind === 'verbatim')) {
      close(line.start)
      kind = isTable ? 'verbatim' : 'prose'
    }
    blank = false
  }
  close(text.length)
  return pieces
}

/** Cuts `piece` with the first splitter, parts that are still too long with the next, and so on. */
function fit(text: string, piece: Piece, maxChars: number, splitters: readonly Splitter[]): readonly Piece[] {
  if (trimmedEnd(text, piece) - piece.start <= maxChars) return [piece]
  const [splitter, ...finer] = splitters
  if (splitter === undefined) return codePoints(text, piece, maxChars)
  const { start } = piece
  const body = text.slice(start, piece.end)
  return splitter(body).flatMap((part, index) => {
    const heading = index === 0 && piece.heading !== undefined ? { heading: piece.heading } : {}
    return fit(text, { start: start + part.start, end: start + part.end, ...heading }, maxChars, finer)
  })
}

function splitBy(text: string, splitter: Splitter): readonly Piece[] {
  return splitter(text).map(({ start, end }) => ({ start, end }))
}

/** Spans that end after each match of `pattern`. */
function endingAfter(pattern: RegExp): Splitter {
  return (text) => {
    const spans: Span[] = []
    let start = 0
    for (const match of text.matchAll(pattern)) {
      const end = match.index + match[0].length
      spans.push({ start, end })
      start = end
    }
    if (start < text.length) spans.push({ start, end: text.length })
    return spans
  }
}

const lines = endingAfter(/\r\n|\n|\r/g)
const wordEnds = endingAfter(/\s+/g)
const blankLines = endingAfter(/(?:\r\n|\n|\r)(?:[ \t]*(?:\r\n|\n|\r))+/g)

/** Cuts at blank lines after which the code is at the left edge again and not closing something. */
function declarations(text: string): readonly Span[] {
  const spans: Span[] = []
  let open: Span | null = null
  for (const part of blankLines(text)) {
    const starts = /[^\s})\]]/.test(text[part.start]!)
    if (open !== null && starts) {
      spans.push(open)
      open = part
    } else open = { start: open === null ? part.start : open.start, end: part.end }
  }
  if (open !== null) spans.push(open)
  return spans
}

function codePoints(text: string, piece: Piece, maxChars: number): readonly Piece[] {
  const parts: Piece[] = []
  for (let start = piece.start; start < piece.end;) {
    let end = Math.min(piece.end, start + maxChars)
    // One unit fewer rather than half a character; a maximum of one unit cannot arise (the smallest is far above).
    if (end < piece.end && isInsidePair(text, end)) end--
    parts.push({ start, end })
    start = end
  }
  return parts
}

function isInsidePair(text: string, at: number): boolean {
  return isHighSurrogate(text.charCodeAt(at - 1)) && (text.charCodeAt(at) & 0xfc00) === 0xdc00
}

function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}

// ---- chunks

/** Joins neighbouring pieces while they fit, and starts anew at headings. */
function pack(text: string, pieces: readonly Piece[], maxChars: number): readonly Span[] {
  const spans: Span[] = []
  let open: Span | null = null
  for (const piece of pieces) {
    if (open === null) open = piece
    else {
      const startsSection = piece.heading !== undefined && open.end - open.start >= maxChars / 4
      if (startsSection || trimmedEnd(text, piece) - open.start > maxChars) {
        spans.push(open)
        open = piece
      } else open = { start: open.start, end: piece.end }
    }
  }
  if (open !== null) spans.push(open)
  return spans
}

/** Trims, drops blank ones, adds overlap and headings. */
function finish(
  text: string,
  spans: readonly Span[],
  pieces: readonly Piece[],
  overlapChars: number,
): readonly Chunk[] {
  const headings = pieces.filter((piece) => piece.heading !== undefined)
  const chunks: Chunk[] = []
  let at = 0
  let before = 0
  let heading: string | undefined
  for (const span of spans) {
    const end = trimmedEnd(text, span)
    const trimmed = trimmedStart(text, span, end)
    if (trimmed === end) continue
    while (at < headings.length && headings[at]!.start <= trimmed) heading = headings[at++]!.heading
    const start = overlapStart(text, trimmed, Math.max(before, trimmed - overlapChars))
    before = trimmed
    chunks.push({ text: text.slice(start, end), start, end, ...(heading === undefined ? {} : { heading }) })
  }
  return chunks
}

function trimmedEnd(text: string, { start, end }: Span): number {
  return start + text.slice(start, end).trimEnd().length
}

/** Skips blank lines, and blanks within a line, but keeps the indentation of a line. */
function trimmedStart(text: string, span: Span, end: number): number {
  const startsLine = span.start === 0 || /[\r\n]/.test(text[span.start - 1]!)
  const start = startsLine ? span.start : span.start + /^[^\S\r\n]*/.exec(text.slice(span.start, end))![0].length
  return start + /^(?:[^\S\r\n]*(?:\r\n|\n|\r))*/.exec(text.slice(start, end))![0].length
}

/** The first beginning of a word in `earliest`…`start`; `earliest` itself when there is none. */
function overlapStart(text: string, start: number, earliest: number): number {
  if (earliest >= start) return start
  const from = Math.max(0, earliest - 1)
  const gap = /\s\S/.exec(text.slice(from, start))
  const begin = earliest === 0 || gap === null ? earliest : from + gap.index + 1
  return isInsidePair(text, begin) ? begin + 1 : begin
}
