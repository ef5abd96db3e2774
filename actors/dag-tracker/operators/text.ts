/** Text operators: sections of Markdown, templates, splitting and joining. */
import Mustache from 'mustache'
import { dagErrors } from '../errors.ts'
import { createFences, headingOf } from './markdown.ts'
import { invalidInput, type Operator } from './operator.ts'

export const markdownSections: Operator = {
  name: 'markdown-sections',
  description: 'Cuts Markdown at its headings; text before the first one is a section of level 0',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { text: { type: 'string' } },
  outputs: { sections: 'array', count: 'number' },
  run(inputs) {
    const sections = sectionsOf(inputs.text as string)
    return { sections, count: sections.length }
  },
}

interface Section {
  readonly level: number
  readonly heading: string
  readonly text: string
  /** Of its first line, from 1. */
  readonly line: number
}

function sectionsOf(markdown: string): Section[] {
  const sections: Section[] = []
  let current = { level: 0, heading: '', lines: [] as string[], line: 1 }
  const close = (): void => {
    const text = current.lines.join('\n').trim()
    if (current.level > 0 || text !== '') {
      sections.push({ level: current.level, heading: current.heading, text, line: current.line })
    }
  }
  const isCode = createFences()
  for (const [i, line] of markdown.replaceAll('\r\n', '\n').split('\n').entries()) {
    const found = isCode(line) ? null : headingOf(line)
    if (found === null) current.lines.push(line)
    else {
      close()
      current = { ...found, lines: [], line: i + 1 }
    }
  }
  close()
  return sections
}

export const template: Operator = {
  name: 'template',
  description: 'Fills a Mustache template; every other input is a name in it. Missing names are empty',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: {
    template: { type: 'string' },
    escape: {
      type: 'string',
      default: 'none',
      description: 'What {{name}} escapes: none, html, or table (a Markdown table cell); {{{name}}} never does',
    },
  },
  openInputs: true,
  outputs: { text: 'string' },
  run(inputs) {
    const { template: source, escape: mode, ...view } = inputs
    const escape = ESCAPES.get(mode as string)
    if (escape === undefined) throw invalidInput('template', 'escape', `one of ${[...ESCAPES.keys()].join(', ')}`, mode)
    try {
      // A writer of its own: the shared one keeps every template it has ever seen.
      return { text: new Mustache.Writer().render(source as string, ownNames(view), undefined, { escape }) }
    } catch (error) {
      throw dagErrors.fail('PARSE_FAILED', { format: 'template', reason: (error as Error).message }, { cause: error })
    }
  },
}

/** Objects without a prototype: a name like `constructor` that the data does not have must come out empty. */
function ownNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ownNames)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([name, member]) => [name, { value: ownNames(member), enumerable: true }])
  return Object.create(null, Object.fromEntries(members) as PropertyDescriptorMap)
}

const plainText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const ESCAPES: ReadonlyMap<string, (value: unknown) => string> = new Map([
  ['none', plainText],
  ['html', (value: unknown) => Mustache.escape(plainText(value))],
  [
    'table',
    (value: unknown) =>
      plainText(value)
        .replaceAll(/\r?\n/g, ' ')
        .replaceAll('|', String.raw`\|`),
  ],
])

export const split: Operator = {
  name: 'split',
  description: 'Cuts text at a separator',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: {
    text: { type: 'string' },
    separator: { type: 'string', default: '\n' },
    keepEmpty: { type: 'boolean', default: false, description: 'Keep parts without any text' },
  },
  outputs: { parts: 'array', count: 'number' },
  run(inputs) {
    const separator = inputs.separator as string
    if (separator === '') throw invalidInput('split', 'separator', 'a non-empty string', separator)
    const all = (inputs.text as string).split(separator)
    const parts = inputs.keepEmpty === true ? all : all.filter((part) => part.trim() !== '')
    return { parts, count: parts.length }
  },
}

export const joinText: Operator = {
  name: 'join-text',
  description: 'Puts texts together with a separator between them',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { parts: { type: 'array' }, separator: { type: 'string', default: '\n' } },
  outputs: { text: 'string' },
  run(inputs) {
    const parts = inputs.parts as readonly unknown[]
    const texts = parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
    return { text: texts.join(inputs.separator as string) }
  },
}
