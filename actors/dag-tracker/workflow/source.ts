/**
 * The text of a workflow file as plain data, with the way back from a path to its line and column.
 *
 * YAML 1.2 (core schema), of which JSON is a part. JSON text takes the fast way through `JSON.parse`; only when a place
 * is asked for is it read again as YAML. Invariants: I1 what comes out is JSON data. I2 no key is lost: a repeated key
 * is a fault. I3 aliases are bounded by what they expand to, so a small file cannot become a huge value.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml'
import { ProblemCode, type Locate, type Path, type Position } from './problems.ts'
import { DEPTH_MAX } from './schema-check.ts'

export interface SourceFault {
  readonly code: ProblemCode
  readonly message: string
  readonly at: Position
}

export interface Source {
  /** Undefined when the text could not be read at all. */
  readonly value: unknown
  readonly faults: readonly SourceFault[]
  readonly locate: Locate
}

export type SourceFormat = 'yaml' | 'json'

const TEXT_CHARACTERS_MAX = 64 * 2 ** 20
const VALUES_MAX = 5_000_000
/** Integers that a double may not hold; digits in a string may match, too, and only cost time. */
const LONG_NUMBER = /[\s:,[]-?\d{16,}[\s,\]}]/

export function readSource(text: string, format: SourceFormat): Source {
  if (text.length > TEXT_CHARACTERS_MAX) {
    const message = `the text has ${text.length} characters, more than ${TEXT_CHARACTERS_MAX}`
    const fault = { code: ProblemCode.LimitExceeded, message, at: { line: 1, column: 1 } }
    return { value: undefined, faults: [fault], locate: () => null }
  }
  const plain = text.startsWith('\ufeff') ? text.slice(1) : text
  return format === 'json' ? readJson(plain) : readYaml(plain)
}

function readJson(text: string): Source {
  try {
    const value: unknown = JSON.parse(text)
    let yaml: Source | undefined
    const lazily = (): Source => (yaml ??= readYaml(text))
    // Rare, and then worth the slow way: it knows where the second key stands, and how a number was written.
    if (hasRepeatedKey(text) || LONG_NUMBER.test(text)) return lazily()
    return { value, faults: [], locate: (path, part) => lazily().locate(path, part) }
  } catch (error) {
    const yaml = readYaml(text)
    if (yaml.faults.length > 0) return { ...yaml, value: undefined }
    const offset = Number(/position (\d+)/.exec((error as Error).message)?.[1] ?? 0)
    const fault = { code: ProblemCode.SyntaxInvalid, message: (error as Error).message, at: positionOf(text, offset) }
    return { value: undefined, faults: [fault], locate: () => null }
  }
}

/** `JSON.parse` keeps the last of two equal keys in silence. Expects valid JSON. */
function hasRepeatedKey(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let key: string | null = null
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (token !== ':') key = token
    else {
      const keys = open.at(-1)
      const name = JSON.parse(key!) as string
      if (keys?.has(name)) return true
      keys?.add(name)
    }
  }
  return false
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

function readYaml(text: string): Source {
  const lines = new LineCounter()
  // Uniqueness is checked here: the library compares every key with every other.
  const document = parseDocument(text, { lineCounter: lines, stringKeys: true, uniqueKeys: false, prettyErrors: false })
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line, column: col }
  }
  const syntax = document.errors.map(({ code, message, pos }) => ({
    code: ProblemCode.SyntaxInvalid,
    // The library's own words are for its callers.
    message: code === 'MULTIPLE_DOCS' ? 'the file holds more than one document' : message,
    at: at(pos[0]),
  }))
  if (syntax.length > 0) return { value: undefined, faults: syntax, locate: () => null }
  const tags = document.warnings.map(({ message, pos }) => ({
    code: ProblemCode.ValueNotJson,
    message,
    at: at(pos[0]),
  }))
  const { value, faults } = toPlain(document.contents, at)
  return { value, faults: [...tags, ...faults], locate: locator(document, at) }
}

/** Whether a whole number is neither held exactly nor written as JavaScript itself would write what is held. */
function losesDigits(source: string, value: number): boolean {
  if (Number.isSafeInteger(value) || !/^[-+]?\d+$/.test(source)) return false
  return BigInt(source) !== BigInt(value) && source !== String(value)
}

/** Converts a YAML tree to plain data, finding what JSON cannot say. */
function toPlain(root: Node | null, at: (offset: number) => Position): Pick<Source, 'value' | 'faults'> {
  const faults: SourceFault[] = []
  const anchors = new Map<string, { readonly value: unknown; readonly values: number }>()
  let values = 0

  function fault(code: ProblemCode, message: string, node: Node): null {
    faults.push({ code, message, at: at(node.range?.[0] ?? 0) })
    return null
  }

  function convert(node: Node | null, depth: number): unknown {
    if (node === null) return null
    values++
    if (values > VALUES_MAX) return null
    if (depth > DEPTH_MAX) return fault(ProblemCode.LimitExceeded, `values are nested deeper than ${DEPTH_MAX}`, node)
    if (isAlias(node)) return alias(node)
    const valuesBefore = values
    const value = isMap(node) ? mapping(node, depth) : isSeq(node) ? sequence(node.items, depth) : scalar(node)
    const { anchor } = node as { anchor?: string }
    if (anchor !== undefined) anchors.set(anchor, { value, values: values - valuesBefore + 1 })
    return value
  }

  function alias(node: Node & { readonly source: string }): unknown {
    const target = anchors.get(node.source)
    if (target === undefined) {
      return fault(ProblemCode.ValueNotJson, `the alias *${node.source} has no anchor before it`, node)
    }
    values += target.values
    return target.value
  }

  function sequence(items: readonly unknown[], depth: number): unknown[] {
    return items.map((item) => convert(item as Node | null, depth + 1))
  }

  function mapping(map: YAMLMap, depth: number): unknown {
    const members = new Map<string, unknown>()
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : String(key)
      if (members.has(name)) fault(ProblemCode.DuplicateKey, `the key "${name}" is there twice`, key as Node)
      members.set(name, convert(value as Node | null, depth + 1))
    }
    // Unlike assignment, this makes a key named __proto__ an ordinary one.
    return Object.fromEntries(members)
  }

  function scalar(node: Node): unknown {
    const { value, source } = node as { value?: unknown; source?: string }
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) return fault(ProblemCode.ValueNotJson, `${value} is no JSON value`, node)
      if (source !== undefined && losesDigits(source, value)) {
        return fault(ProblemCode.ValueNotJson, `${source} is too large to be kept exactly: quote it`, node)
      }
    }
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value
    return fault(ProblemCode.ValueNotJson, 'only JSON values: no binary, dates or custom tags', node)
  }

  const value = convert(root, 0)
  if (values > VALUES_MAX) {
    const message = `more than ${VALUES_MAX} values, with aliases expanded`
    faults.push({ code: ProblemCode.LimitExceeded, message, at: { line: 1, column: 1 } })
    return { value: undefined, faults }
  }
  return { value, faults }
}

/** Walks the tree along a path; where it ends early, the last place on the way is the answer. */
function locator(document: Document.Parsed, at: (offset: number) => Position): Locate {
  return (path: Path, part = 'value') => {
    let node: Node | null | undefined = document.contents
    let offset = node?.range?.[0] ?? 0
    for (const [depth, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document)
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step)
        if (pair === undefined) break
        const wantsKey = part === 'key' && depth === path.length - 1
        node = pair.value as Node | null
        offset = (wantsKey ? undefined : node?.range?.[0]) ?? (pair.key as Node).range?.[0] ?? offset
      } else if (isSeq(node) && typeof step === 'number') {
        node = node.items[step] as Node | null | undefined
        offset = node?.range?.[0] ?? offset
      } else break
    }
    return at(offset)
  }
}
