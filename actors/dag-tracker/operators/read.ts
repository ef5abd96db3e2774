/**
 * `read`: one text file. Whatever is no readable text is refused with a code that says why, so that a map over many
 * files can leave it out and list it: `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `FILE_TOO_LARGE` (known before reading),
 * `FILE_BINARY`, `FILE_EMPTY`, `FILE_OUTSIDE_ROOTS`.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { isPitError } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'
import { createFences, headingOf } from './markdown.ts'
import type { Operator } from './operator.ts'
import { fileError, resolveExisting } from './roots.ts'

/** @default of `maxBytes` */
const MAX_BYTES = 4 * 2 ** 20

export const read: Operator = {
  name: 'read',
  description: 'Reads a UTF-8 text file, with its title (first heading, or the file name)',
  version: '1',
  pure: false,
  on: 'inline',
  inputs: {
    path: { type: 'string', description: 'Absolute, or relative to the first allowed folder' },
    maxBytes: { type: 'number', default: MAX_BYTES, description: 'A larger file is refused unread' },
  },
  outputs: {
    path: 'string',
    name: 'string',
    title: 'string',
    contentType: 'string',
    text: 'string',
    sizeBytes: 'number',
    lines: 'number',
    words: 'number',
  },
  async run(inputs, ctx) {
    const given = inputs.path as string
    const path = await resolveExisting(given, ctx.roots)
    const content = await readBounded(path, given, inputs.maxBytes as number, ctx.signal)
    const text = decode(content, given)
    if (!/\S/u.test(text)) throw dagErrors.fail('FILE_EMPTY', { path: given })
    const contentType = contentTypeOf(path)
    return {
      path,
      name: basename(path),
      title: titleOf(text, contentType) ?? basename(path),
      contentType,
      text,
      sizeBytes: content.byteLength,
      lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
      words: text.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu)?.length ?? 0,
    }
  },
}

/** `path` is real, `given` is what messages name. Opened without waiting: a pipe would never answer. */
async function readBounded(path: string, given: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const status = await file.stat()
    if (status.isDirectory()) throw dagErrors.fail('FILE_UNREADABLE', { path: given, reason: 'it is a folder' })
    if (!status.isFile()) throw dagErrors.fail('FILE_UNREADABLE', { path: given, reason: 'it is no regular file' })
    if (status.size > maxBytes) throw tooLarge(given, status.size, maxBytes)
    const content = await file.readFile({ signal })
    if (content.byteLength > maxBytes) throw tooLarge(given, content.byteLength, maxBytes)
    return content
  } catch (error) {
    throw isPitError(error) || signal.aborted ? error : fileError(given, error)
  }
}

function tooLarge(path: string, sizeBytes: number, maxBytes: number): Error {
  return dagErrors.fail('FILE_TOO_LARGE', { path, sizeBytes, maxBytes })
}

function decode(content: Buffer, path: string): string {
  if (content.includes(0)) throw dagErrors.fail('FILE_BINARY', { path, reason: 'it contains zero bytes' })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch (error) {
    throw dagErrors.fail('FILE_BINARY', { path, reason: 'it contains bytes that are no UTF-8' }, { cause: error })
  }
}

type ContentType = 'markdown' | 'text' | 'code'

const MARKDOWN: ReadonlySet<string> = new Set(['.md', '.markdown', '.mdx', '.mdown'])
const TEXT: ReadonlySet<string> = new Set(['.txt', '.text', '.log', '.rst', '.adoc', '.tex', '.csv', '.tsv', ''])

/** By file name alone; what the chunker calls it. */
function contentTypeOf(path: string): ContentType {
  const extension = extname(path).toLowerCase()
  if (MARKDOWN.has(extension)) return 'markdown'
  return TEXT.has(extension) ? 'text' : 'code'
}

const TITLE_CHARACTERS_MAX = 120
const TITLE_LINES_MAX = 200

/** The first heading of Markdown; of plain text a short first line that stands alone. */
function titleOf(text: string, contentType: ContentType): string | null {
  if (contentType === 'code') return null
  const lines = text.slice(0, 64 * 1024).split('\n', TITLE_LINES_MAX)
  const title = contentType === 'markdown' ? firstHeading(lines) : loneFirstLine(lines)
  return title === null || title === '' || title.length > TITLE_CHARACTERS_MAX ? null : title
}

function firstHeading(lines: readonly string[]): string | null {
  const isCode = createFences()
  for (const [i, line] of lines.entries()) {
    if (isCode(line)) continue
    const found = headingOf(line)
    if (found !== null) return found.heading
    if (line.trim() !== '' && /^=+\s*$/.test(lines[i + 1] ?? '')) return line.trim()
  }
  return null
}

function loneFirstLine(lines: readonly string[]): string | null {
  const first = lines.findIndex((line) => line.trim() !== '')
  return first !== -1 && lines[first + 1]?.trim() === '' ? lines[first]!.trim() : null
}
