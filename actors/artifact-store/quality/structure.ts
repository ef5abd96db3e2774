/** Whether content is what it says: does it parse, do its brackets close, is there an image behind the type. */
import { isScalar, parseAllDocuments, type Document } from 'yaml'
import { bracketsOf } from './brackets.ts'
import { clamp, formatOf, textOf, type Judged, type QualityPart } from './part.ts'

/** Parsing YAML is slow: of longer text, its first lines. */
const YAML_CHARS_MAX = 32 * 1024

/** Null where nothing can be said of the form. */
export function structureOf(judged: Judged): QualityPart | null {
  if (judged.sizeBytes === 0) return { score: 0, findings: ['it is empty'] }
  const format = formatOf(judged)
  if (format === 'image') return imageOf(judged.content)
  const text = textOf(judged)
  if (text === null) {
    return format === 'other' ? binaryOf(judged.content) : { score: 0, findings: [`it says ${format}, and is no text`] }
  }
  const isWhole = judged.content.length === judged.sizeBytes
  switch (format) {
    case 'json':
      return jsonOf(text, isWhole)
    case 'yaml':
      return yamlOf(text, isWhole)
    case 'markdown':
      return markdownOf(text, isWhole)
    case 'code':
      return codeOf(text, isWhole, judged.name)
    case 'html':
      return htmlOf(text)
    case 'text':
    case 'other':
      return plainOf(text)
  }
}

function jsonOf(text: string, isWhole: boolean): QualityPart {
  if (isWhole) {
    try {
      JSON.parse(text)
      return { score: 1, findings: ['it parses as JSON'] }
    } catch (error) {
      return { score: 0.05, findings: [`it is no JSON: ${(error as Error).message.slice(0, 120)}`] }
    }
  }
  const { wrong } = bracketsOf(text, 'json')
  return wrong === 0 && /^\s*[[{]/.test(text)
    ? { score: 0.9, findings: ['its beginning looks like JSON'] }
    : { score: 0.1, findings: ['its beginning is no JSON'] }
}

function yamlOf(text: string, isWhole: boolean): QualityPart {
  const isCut = !isWhole || text.length > YAML_CHARS_MAX
  const head = isCut ? text.slice(0, text.lastIndexOf('\n', YAML_CHARS_MAX) + 1) : text
  const list = documentsOf(head)
  if (list === null) return { score: 0.1, findings: ['it cannot be parsed as YAML'] }
  const errors = list.flatMap((document) => document.errors)
  // The cut may go through the last entry.
  if (errors.length > (isCut ? 1 : 0)) {
    return { score: 0.1, findings: [`it is no YAML: ${errors[0]!.message.split('\n')[0]!.slice(0, 120)}`] }
  }
  if (list.every(({ contents }) => contents === null || isScalar(contents))) {
    return { score: 0.4, findings: ['as YAML it is a single text'] }
  }
  return { score: isCut ? 0.95 : 1, findings: ['it parses as YAML'] }
}

/** Null when it is nested too deep for the parser. */
function documentsOf(text: string): readonly Document.Parsed[] | null {
  try {
    const documents = parseAllDocuments(text, { logLevel: 'silent' })
    return Array.isArray(documents) ? documents : []
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function markdownOf(text: string, isWhole: boolean): QualityPart {
  const fences = (text.match(/^\s{0,3}(```|~~~)/gm) ?? []).length
  const prose = text.replaceAll(/^\s{0,3}(```|~~~)[\s\S]*?^\s{0,3}\1.*$/gm, '')
  const has = {
    headings: /^#{1,6} \S|^\S.*\n(=+|-+)[ \t]*$/m.test(prose),
    paragraphs: prose.split(/\n\s*\n/).some((block) => block.trim().split(/\s+/).length >= 8),
    'lists, tables or links': /^[ \t]*([-*+]|\d{1,9}\.) \S|^\|.*\|$|\[[^\]\n]{1,200}\]\([^)\n]{1,2000}\)/m.test(prose),
  }
  const found = Object.entries(has).flatMap(([name, given]) => (given ? [name] : []))
  const isOpen = isWhole && fences % 2 === 1
  const score = 0.4 + 0.25 * Number(has.headings) + 0.25 * Number(has.paragraphs) + 0.1 * Number(found.length > 1)
  const findings = [found.length === 0 ? 'it has no structure of Markdown' : `it has ${found.join(' and ')}`]
  if (isOpen) findings.push('a code fence does not close')
  return { score: clamp(score - (isOpen ? 0.3 : 0) - 0.6 * unprintableShare(text)), findings }
}

function codeOf(text: string, isWhole: boolean, name: string | null): QualityPart {
  const { pairs, wrong, open } = bracketsOf(text, /\.(py|rb|sh)$/i.test(name ?? '') ? 'hash' : 'slash')
  const missing = wrong + (isWhole ? open : 0)
  if (missing === 0) {
    return pairs === 0
      ? { score: 0.6, findings: ['it has no brackets to check'] }
      : { score: 1, findings: [`its ${pairs} pairs of brackets close`] }
  }
  return { score: clamp(0.6 - missing / (pairs + 1)), findings: [`${missing} brackets have no partner`] }
}

function htmlOf(text: string): QualityPart {
  const opened = (text.match(/<[a-z][\w-]*(\s[^<>]*)?>/gi) ?? []).length
  const broken = (text.match(/<[a-z][^<>]{0,200}(?=<|$)/gi) ?? []).length
  if (opened === 0) return { score: 0.1, findings: ['it has no tags'] }
  return { score: clamp(1 - broken / opened), findings: [`${opened} tags, ${broken} of them broken`] }
}

function plainOf(text: string): QualityPart {
  const share = unprintableShare(text)
  const findings = share === 0 ? ['it is text'] : [`${(share * 100).toFixed(1)} % of its characters cannot be shown`]
  return { score: clamp(0.8 - 4 * share), findings }
}

function unprintableShare(text: string): number {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const strange = text.match(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd]/g) ?? []
  return strange.length / text.length
}

interface Image {
  readonly kind: string
  readonly width: number
  readonly height: number
}

function imageOf(content: Uint8Array): QualityPart {
  const image = headerOf(Buffer.from(content.buffer, content.byteOffset, content.length))
  if (image === null) return { score: 0, findings: ['it has no header of an image'] }
  const { kind, width, height } = image
  if (width === 0 || height === 0) return { score: 0.2, findings: [`it is a ${kind} without a size`] }
  return { score: 1, findings: [`it is a ${kind} of ${width} × ${height}`] }
}

/** PNG, GIF, JPEG and WebP, by their signatures. */
function headerOf(bytes: Buffer): Image | null {
  if (bytes.length < 30) return null
  if (bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n' && bytes.toString('latin1', 12, 16) === 'IHDR') {
    return { kind: 'PNG', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) }
  }
  if (/^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) {
    return { kind: 'GIF', width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) }
  }
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') return webpOf(bytes)
  return bytes[0] === 0xff && bytes[1] === 0xd8 ? jpegOf(bytes) : null
}

function webpOf(bytes: Buffer): Image | null {
  const kind = 'WebP'
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { kind, width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 }
    case 'VP8 ':
      return { kind, width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff }
    case 'VP8L': {
      const size = bytes.readUInt32LE(21)
      return { kind, width: (size & 0x3fff) + 1, height: ((size >>> 14) & 0x3fff) + 1 }
    }
    default:
      return null
  }
}

/** The frame header comes after segments that say their length. */
function jpegOf(bytes: Buffer): Image | null {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1]!
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { kind: 'JPEG', width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) }
    }
  }
  return null
}

function binaryOf(content: Uint8Array): QualityPart | null {
  const start = Buffer.from(content.subarray(0, 5)).toString('latin1')
  return start === '%PDF-' ? { score: 1, findings: ['it is a PDF'] } : null
}
