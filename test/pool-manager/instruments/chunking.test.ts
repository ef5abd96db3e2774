/** What a chunk looks like: headings, fences, tables, sentences, code, overlap. */
import { describe, expect, test } from 'vitest'
import { chunkText } from '../../../actors/pool-manager/instruments/chunking.ts'
import { documentText } from './documents.ts'

const markdown = (text: string, maxChars: number, overlapChars = 0) =>
  chunkText(text, { contentType: 'markdown', maxChars, overlapChars })
const texts = (chunks: readonly { readonly text: string }[]): string[] => chunks.map((chunk) => chunk.text)

describe('Markdown', () => {
  test('a heading starts a chunk and names what follows it', () => {
    const text = '# One\n\nFirst paragraph, long enough.\n\n## Two\n\nSecond paragraph, long enough.\n'
    expect(markdown(text, 60)).toEqual([
      { text: '# One\n\nFirst paragraph, long enough.', start: 0, end: 36, heading: 'One' },
      { text: '## Two\n\nSecond paragraph, long enough.', start: 38, end: 76, heading: 'Two' },
    ])
  })

  test('a title alone stays with the first section', () => {
    expect(texts(markdown('# Title\n\n## Part\n\nWords.\n', 100))).toEqual(['# Title\n\n## Part\n\nWords.'])
  })

  test('every chunk knows the heading above it', () => {
    const text = `# A\n\n${'One sentence here. '.repeat(10)}\n\n## B ##\n\n${'Another sentence. '.repeat(10)}`
    const headings = markdown(text, 80).map((chunk) => chunk.heading)
    expect(new Set(headings)).toEqual(new Set(['A', 'B']))
    expect(headings.lastIndexOf('A')).toBeLessThan(headings.indexOf('B'))
  })

  test('a fence that fits is never cut, and a # in it is no heading', () => {
    const fence = '```sh\n# not a heading\n\nls\n\nrm x\n```'
    const chunks = markdown(`# Top\n\nSome words before it.\n\n${fence}\n\nSome words after it.`, 50)
    expect(chunks.filter((chunk) => chunk.text.includes(fence))).toHaveLength(1)
    expect(chunks.every((chunk) => chunk.heading === 'Top')).toBe(true)
  })

  test('a fence or table larger than the maximum is cut between lines', () => {
    const rows = Array.from({ length: 30 }, (_, i) => `| row ${i} | value ${i} |`)
    for (const chunk of markdown(rows.join('\n'), 100)) {
      for (const line of chunk.text.split('\n')) expect(rows).toContain(line)
    }
    const code = Array.from({ length: 30 }, (_, i) => `call(${i}) // a. b? c!`)
    for (const chunk of markdown(['```', ...code, '```'].join('\n'), 100)) {
      for (const line of chunk.text.split('\n')) expect([...code, '```']).toContain(line)
    }
  })

  test('a paragraph larger than the maximum is cut between sentences', () => {
    const text =
      'The tide rises, e.g. in the bay. Dr. Smith measured it at 3.5 m. Then it fell! Who saw it? Nobody did.'
    expect(texts(markdown(text, 40))).toEqual([
      'The tide rises, e.g. in the bay.',
      'Dr. Smith measured it at 3.5 m.',
      'Then it fell! Who saw it? Nobody did.',
    ])
  })

  test('a sentence larger than the maximum is cut between words, a word between characters', () => {
    expect(texts(markdown('aaaa bbbb cccc dddd eeee ffff', 16))).toEqual(['aaaa bbbb cccc', 'dddd eeee ffff'])
    expect(texts(markdown('😀'.repeat(10), 17))).toEqual(['😀'.repeat(8), '😀😀'])
  })

  test('a real document falls into its sections', () => {
    const chunks = markdown(documentText('tide-tables.md'), 2_000)
    expect([...new Set(chunks.map((chunk) => chunk.heading))]).toEqual(
      [
        undefined,
        'What a tide table knows',
        'Two bulges and a late day',
        'Why the picture is not enough',
        'Brass that could add',
        'What it does not know',
      ].filter((heading) => chunks.some((chunk) => chunk.heading === heading)),
    )
    expect(chunks.length).toBeGreaterThanOrEqual(4)
  })
})

describe('text and code', () => {
  test('plain text has no headings', () => {
    const chunks = chunkText('# not a heading\n\ntext', { contentType: 'text', maxChars: 100, overlapChars: 0 })
    expect(chunks).toEqual([{ text: '# not a heading\n\ntext', start: 0, end: 21 }])
  })

  test('code is cut between declarations, and an inner blank line is not one', () => {
    const first = 'function a() {\n  one()\n\n  two()\n}'
    const second = 'function b() {\n  three()\n}'
    const chunks = chunkText(`${first}\n\n${second}\n`, { contentType: 'code', maxChars: 40, overlapChars: 0 })
    expect(texts(chunks)).toEqual([first, second])
  })

  test('a declaration larger than the maximum is cut at its blank lines, keeping indentation', () => {
    const text = 'class A {\n  one() {}\n\n  two() {}\n\n  three() {}\n}\n'
    expect(texts(chunkText(text, { contentType: 'code', maxChars: 24, overlapChars: 0 }))).toEqual([
      'class A {\n  one() {}',
      '  two() {}',
      '  three() {}\n}',
    ])
  })
})

describe('overlap', () => {
  test('a chunk repeats whole words of what stood before it', () => {
    const text = 'One two three four. Five six seven eight. Nine ten eleven twelve.'
    const chunks = markdown(text, 40, 12)
    expect(texts(chunks)).toEqual([
      'One two three four.',
      'three four. Five six seven eight.',
      'eight. Nine ten eleven twelve.',
    ])
    for (const chunk of chunks.slice(1)) expect(text[chunk.start - 1]).toBe(' ')
    for (const [i, chunk] of chunks.slice(1).entries()) {
      expect(chunk.start).toBeLessThan(chunks[i]!.end)
      expect(chunks[i]!.end - chunk.start).toBeLessThanOrEqual(12)
    }
  })
})
