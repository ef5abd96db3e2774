/** Scores of real documents of this repository against generated junk of each kind. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { ContentHash, QualityComponent } from '../../actors/artifact-store/index.ts'
import { contentParts } from '../../actors/artifact-store/quality/judging.ts'
import { bracketsOf } from '../../actors/artifact-store/quality/brackets.ts'
import { semanticsOf } from '../../actors/artifact-store/quality/semantics.ts'
import { structureOf } from '../../actors/artifact-store/quality/structure.ts'
import { utilityOf } from '../../actors/artifact-store/quality/utility.ts'
import { seededRandom } from '../../runtime/index.ts'
import { codeOf, openStore, put, tempDir, type OpenStore } from './fixture.ts'

const root = resolve(import.meta.dirname, '../..')
const TYPES: Readonly<Record<string, string>> = {
  '.md': 'text/markdown',
  '.txt': 'text/plain',
  '.json': 'application/json',
  '.yaml': 'application/yaml',
  '.ts': 'text/plain',
}

function judgedFile(path: string) {
  const content = readFileSync(join(root, path))
  return judged(content, TYPES[extname(path)]!, basename(path))
}

function judged(content: string | Uint8Array, contentType: string, name: string | null = null) {
  const bytes = Buffer.from(content)
  return { contentType, name, sizeBytes: bytes.length, content: bytes }
}

/** What content alone says, on the scale of the score. */
function contentScore(what: ReturnType<typeof judged>): number {
  const { structure, semantics } = contentParts(what, [])
  if (semantics === null) return structure!.score
  return structure === null ? semantics.score : (0.3 * structure.score + 0.4 * semantics.score) / 0.7
}

const random = seededRandom(5)
const pick = (from: string): string => from[Math.floor(random.next() * from.length)]!
const noise = (length: number, from: string): string => Array.from({ length }, () => pick(from)).join('')
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

const folder = (path: string, pattern: RegExp): readonly string[] =>
  readdirSync(join(root, path))
    .filter((name) => pattern.test(name))
    .map((name) => join(path, name))

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'runtime/README.md',
  'bench/README.md',
  'package.json',
  'tsconfig.json',
  ...folder('docs', /\.md$/),
  ...folder('actors/artifact-store', /\.ts$/),
]

const JUNK: readonly (readonly [what: string, content: string | Uint8Array, type: string])[] = [
  ['nothing', '', 'text/plain'],
  ['white space', ' \n\t\n  \n'.repeat(200), 'text/markdown'],
  ['one line again and again', 'All work and no play makes Jack a dull boy.\n'.repeat(300), 'text/plain'],
  ['one word again and again', 'error '.repeat(2000), 'text/markdown'],
  [
    'random letters',
    Array.from({ length: 800 }, () => noise((3 + random.next() * 9) | 0, LETTERS)).join(' '),
    'text/plain',
  ],
  ['Base64', Buffer.from(noise(4000, `${LETTERS}0123456789`)).toString('base64'), 'text/plain'],
  ['hexadecimal', noise(6000, '0123456789abcdef'), 'text/markdown'],
  ['symbols', noise(3000, '#$%&*+=<>~^|/\\ '), 'text/plain'],
  ['cut JSON', '{"items": [{"id": 1, "text": "the tide comes', 'application/json'],
  ['prose as JSON', 'I am sorry, but I cannot give you the JSON you asked for.', 'application/json'],
  ['random bytes as text', Uint8Array.from({ length: 4000 }, () => random.next() * 256), 'text/plain'],
  ['noise as an image', Uint8Array.from({ length: 4000 }, () => random.next() * 256), 'image/png'],
  ['broken YAML', 'a: [1, 2\nb: {c: }}\n\t- d: "open\n', 'application/yaml'],
]

describe('content alone', () => {
  test('puts every real document above all junk, with room between', () => {
    const good = DOCUMENTS.map((path) => ({ path, score: contentScore(judgedFile(path)) }))
    const bad = JUNK.map(([what, content, type]) => ({ what, score: contentScore(judged(content, type)) }))
    expect(good.filter(({ score }) => score < 0.7)).toEqual([])
    expect(bad.filter(({ score }) => score > 0.45)).toEqual([])
  })

  test('prose of many languages is no junk', () => {
    const texts = {
      german:
        'Der Mond zieht am Meer, und das Wasser folgt ihm zweimal am Tag. Die Flut kommt nicht auf die Minute, weil die Erde sich unter ihm dreht und er selbst wandert. Wer an der Küste lebt, richtet sich nach ihr.',
      french:
        'La lune attire la mer et l’eau la suit deux fois par jour. La marée ne vient pas à la minute, parce que la terre tourne sous elle et que la lune avance. Ceux qui vivent sur la côte le savent.',
      russian:
        'Луна притягивает море, и вода следует за ней два раза в день. Прилив не приходит минута в минуту, потому что земля вращается под ней, а сама она движется по небу. Кто живёт у моря, знает это.',
      japanese:
        '月は海を引き寄せ、水は一日に二度それに従う。潮は毎日同じ時刻には来ない。地球がその下で回り、月も動いているからだ。海辺に住む人はそれを知っている。',
    }
    for (const [language, text] of Object.entries(texts)) {
      expect(semanticsOf(judged(text, 'text/plain'), [])!.score, language).toBeGreaterThan(0.4)
    }
  })

  test('a copy of its input says less than a digest of it, and than something else', () => {
    const source = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
    const score = (text: string): number => semanticsOf(judged(text, 'text/markdown'), [source])!.score
    const digest =
      'The project is built with one command, and every change has a narrow check that shows it. Errors that a user can see have a code in the table of their part, ' +
      'and the tests tie the table to the documents. Figures are ratios which were measured in one run, because the machine is never quiet.'
    expect(score(source)).toBeLessThan(0.5)
    expect(score(digest)).toBeGreaterThan(score(source) + 0.3)
    const alien = noise(20, LETTERS).concat(' ').repeat(1)
    expect(semanticsOf(judged(digest, 'text/markdown'), [alien.repeat(4)])!.findings.join()).toContain('no word')
  })
})

describe('structure', () => {
  const score = (content: string | Uint8Array, type: string, name?: string): number | undefined =>
    structureOf(judged(content, type, name ?? null))?.score

  test('knows images by their headers', () => {
    const png = Buffer.alloc(64)
    png.write('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 0, 'latin1')
    png.writeUInt32BE(640, 16)
    png.writeUInt32BE(480, 20)
    expect(structureOf(judged(png, 'image/png'))).toEqual({ score: 1, findings: ['it is a PNG of 640 × 480'] })
    const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0001108012c019003012200021101031101', 'hex')
    expect(structureOf(judged(jpeg, 'image/jpeg'))!.findings).toEqual(['it is a JPEG of 400 × 300'])
    const gif = Buffer.alloc(40)
    gif.write('GIF89a', 0, 'latin1')
    gif.writeUInt16LE(8, 6)
    expect(score(gif, 'image/gif')).toBe(0.2)
    expect(score(Buffer.from('<html>not found</html> and so on and on and on'), 'image/png')).toBe(0)
  })

  test('checks brackets outside strings and comments', () => {
    expect(bracketsOf('f("(", \'[\', `{`) // }\n/* ) */ { [1] }', 'slash')).toEqual({ pairs: 3, wrong: 0, open: 0 })
    expect(bracketsOf('x = {\'a\': [1]} # )\n""" ( """', 'hash')).toEqual({ pairs: 2, wrong: 0, open: 0 })
    expect(bracketsOf('{ ( ] }', 'slash')).toEqual({ pairs: 0, wrong: 2, open: 2 })
    expect(score('function f() { return [1, 2', 'text/plain', 'a.js')).toBeLessThan(0.2)
    expect(score('function f() { return [1, 2] }', 'text/javascript')).toBe(1)
  })

  test('says nothing of bytes it does not know, and stands hostile text', () => {
    expect(structureOf(judged(Uint8Array.from([1, 2, 0, 255]), 'application/octet-stream'))).toBeNull()
    for (const text of [
      '/*'.repeat(60_000),
      '<a '.repeat(60_000),
      '```\n~~~\n'.repeat(20_000),
      "'".repeat(100_000),
      '[['.repeat(60_000),
      '- '.repeat(15_000),
      '\n'.repeat(100_000),
    ]) {
      for (const type of ['text/markdown', 'text/javascript', 'text/html', 'application/json', 'application/yaml']) {
        const found = structureOf(judged(text, type))!.score
        expect(found).toBeGreaterThanOrEqual(0)
        expect(found).toBeLessThanOrEqual(1)
      }
      semanticsOf(judged(text, 'text/plain'), [text])
    }
  })
})

test('utility grows with every use, and feedback outweighs it', () => {
  const usage = { reads: 0, derived: 0, inputs: 0, cacheHits: 0, feedback: [] }
  const unused = utilityOf(usage).score
  for (const key of ['reads', 'derived', 'inputs', 'cacheHits'] as const) {
    const once = utilityOf({ ...usage, [key]: 1 }).score
    const often = utilityOf({ ...usage, [key]: 50 }).score
    expect(once, key).toBeGreaterThan(unused)
    expect(often, key).toBeGreaterThan(once)
    expect(often, key).toBeLessThanOrEqual(1)
  }
  const loved = { ...usage, reads: 100, derived: 10 }
  expect(utilityOf({ ...loved, feedback: [0, 0, 0] }).score).toBeLessThan(unused)
  expect(utilityOf({ ...usage, feedback: [1, 1, 1] }).score).toBeGreaterThan(0.7)
})

type Store = OpenStore['store']
const partOf = async (store: Store, hash: ContentHash, component: QualityComponent) =>
  (await store.quality({ hash }))!.components.find((one) => one.component === component)

describe('in the store', () => {
  const README = readFileSync(join(root, 'README.md'), 'utf8')

  test('a score is explained, and follows use and feedback', async () => {
    const { store } = await openStore()
    const hash = await put(store, README, { contentType: 'text/markdown', name: 'README.md' })
    const first = (await store.quality({ hash }))!
    expect(first.components.map(({ component }) => component)).toEqual(['structure', 'semantics', 'utility'])
    expect(first.components.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1)
    expect(first.score).toBeCloseTo(first.components.reduce((sum, { score, weight }) => sum + score * weight, 0))
    expect((await partOf(store, hash, 'structure'))!.findings.join()).toContain('headings')
    const utility = async () => (await partOf(store, hash, 'utility'))!.score
    let last = await utility()
    for (const use of [
      () => store.get({ hash }),
      () => put(store, 'derived', { derivedFrom: [hash] }),
      () => store.recordUse({ hashes: [hash], by: { runId: 'r' } }),
      () => store.recordUse({ hashes: [hash], by: { runId: 'r' }, as: 'cache-hit' }),
    ]) {
      await use()
      const now = await utility()
      expect(now).toBeGreaterThan(last)
      last = now
    }
    const praised = await store.feedback({ hash, by: 'ada', score: 1, comment: 'clear' })
    expect(praised.feedback).toMatchObject([{ by: 'ada', score: 1, comment: 'clear' }])
    const condemned = await store.feedback({ hash, by: 'ada', score: 0 })
    expect(condemned.feedback).toHaveLength(1)
    expect(condemned.score).toBeLessThan(praised.score - 0.05)
    expect(await codeOf(store.feedback({ hash, by: 'ada', score: 1.1 }))).toBe('ARTIFACT_INVALID')
    expect(await codeOf(store.feedback({ hash: 'e'.repeat(64) as ContentHash, by: 'ada', score: 1 }))).toBe(
      'ARTIFACT_NOT_FOUND',
    )
    expect(await store.quality({ hash: 'e'.repeat(64) as ContentHash })).toBeNull()
  })

  test('artifacts are judged in the background, again when they are used, and ranked', async () => {
    const { store } = await openStore({ dataDir: ':memory:', rateAfterMs: 0 })
    const good = await put(store, README, { contentType: 'text/markdown' })
    const bad = await put(store, 'blah '.repeat(500), { contentType: 'text/markdown' })
    const ranking = async (arg: object = {}) => (await store.ranked(arg)).map(({ hash }) => hash)
    await vi.waitFor(async () => expect(await ranking()).toEqual([good, bad]), { timeout: 20_000 })
    expect(await ranking({ order: 'worst', limit: 1 })).toEqual([bad])
    expect(await ranking({ min: 0.6 })).toEqual([good])
    for (const by of ['a', 'b', 'c', 'd']) await store.feedback({ hash: bad, by, score: 1 })
    for (const by of ['a', 'b', 'c', 'd']) await store.feedback({ hash: good, by, score: 0 })
    const [before] = (await store.ranked({ order: 'worst' })).map(({ score }) => score)
    await vi.waitFor(
      async () => expect((await store.ranked({ order: 'worst' }))[0]!.score).toBeGreaterThan(before! + 0.05),
      {
        timeout: 20_000,
      },
    )
    await store.trash({ hashes: [good], planId: 'p' })
    expect(await ranking()).toEqual([bad])
    await store.purge({ before: Number.MAX_SAFE_INTEGER })
    expect(await codeOf(store.ranked({ order: 'x' as 'best' }))).toBe('ARTIFACT_INVALID')
  })

  test('feedback and uses outlive compaction, reopening and a lost index; scores are made again', async () => {
    const dataDir = tempDir()
    const config = { dataDir, segmentBytes: 4096, packAfterMs: 'never', rateAfterMs: 0 } as const
    const first = await openStore(config)
    const hash = await put(first.store, 'The tide comes in twice a day.')
    await first.store.feedback({ hash, by: 'ada', score: 0.75, comment: 'short' })
    await first.store.recordUse({ hashes: [hash], by: { runId: 'r' }, as: 'cache-hit' })
    await first.store.recordUse({ hashes: [hash], by: { runId: 's' } })
    const junk = Array.from({ length: 40 }, (_, i) => ({ content: Buffer.from(`junk ${i} `.repeat(60)) }))
    const { results } = await first.store.putMany({ items: junk })
    await first.store.trash({ hashes: results.map((one) => one.hash), planId: 'p' })
    const before = await first.store.quality({ hash })
    expect((await first.store.purge({ before: Number.MAX_SAFE_INTEGER })).freedBytes).toBeGreaterThan(10_000)
    expect(await first.store.quality({ hash })).toEqual(before)
    await first.system.close()
    rmSync(`${dataDir}/artifacts/index.sqlite`)
    const again = await openStore(config)
    await vi.waitFor(async () => expect(await again.store.ranked({})).toHaveLength(1), { timeout: 20_000 })
    expect(await again.store.quality({ hash })).toEqual(before)
  })

  test("a scorer of the user's is asked, and one that fails spoils nothing", async () => {
    const dir = tempDir()
    const module = join(dir, 'scorer.mjs')
    writeFileSync(
      module,
      `export const byLength = ({ sizeBytes }) => ({ score: sizeBytes / 10, finding: sizeBytes + ' bytes' })
       export const broken = () => { throw new Error('no') }
       export const wrong = () => 'good'
       export const value = 7`,
    )
    const custom = async (name: string) => {
      const { store } = await openStore({ dataDir: ':memory:', scorer: { module, export: name } })
      return partOf(store, await put(store, 'seven b'), 'custom')
    }
    expect(await custom('byLength')).toMatchObject({ score: 0.7, findings: ['7 bytes'] })
    expect(await custom('broken')).toBeUndefined()
    expect(await custom('wrong')).toBeUndefined()
    for (const reference of [{ module, export: 'value' }, { module: join(dir, 'nosuch.mjs') }, { module: '' }]) {
      await expect(openStore({ dataDir: ':memory:', scorer: reference })).rejects.toMatchObject({
        code: 'SCORER_INVALID',
      })
    }
  })
})
