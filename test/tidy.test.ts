/** The repository checks itself: layering, names, errors and documents, nothing stray. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseWorkflow } from '../actors/dag-tracker/index.ts'
import type { Errors, ErrorTable } from '../runtime/index.ts'

const root = resolve(import.meta.dirname, '..')
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const textFiles = tracked.filter((path) => path !== 'package-lock.json' && !path.startsWith('examples/documents/'))
const sources = tracked.filter((path) => /^(runtime|actors|src)\/.*\.ts$/.test(path))

function importsOf(path: string): string[] {
  const found = read(path).matchAll(/(?:^|\n)\s*(?:import|export)\s[^'"`]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/g)
  return [...found].map((match) => match[1] ?? match[2]!).filter((specifier) => specifier.startsWith('.'))
}

function target(path: string, specifier: string): string {
  return relative(root, resolve(root, dirname(path), specifier))
}

const layer = (path: string): string => path.split('/')[0]!
const actor = (path: string): string => path.split('/')[1]!

describe('layering', () => {
  const edges = sources.flatMap((from) => importsOf(from).map((specifier) => ({ from, to: target(from, specifier) })))

  test('there are imports to check, and each leads to a file', () => {
    expect(edges.length).toBeGreaterThan(20)
    expect(edges.filter(({ to }) => !existsSync(join(root, to)))).toEqual([])
  })

  test('dependencies point one way: src → actors → runtime', () => {
    const allowed: Record<string, readonly string[]> = {
      runtime: ['runtime'],
      actors: ['runtime', 'actors'],
      src: ['runtime', 'actors', 'src'],
    }
    expect(edges.filter(({ from, to }) => !allowed[layer(from)]!.includes(layer(to)))).toEqual([])
  })

  test("an actor sees only its peers' protocol", () => {
    const foreign = edges.filter(
      ({ from, to }) => layer(from) === 'actors' && layer(to) === 'actors' && actor(from) !== actor(to),
    )
    expect(foreign.filter(({ to }) => !to.endsWith('/protocol.ts'))).toEqual([])
  })

  test('actors come into the runtime, and src into both, through doors', () => {
    const doors = /(^runtime\/(index|persistence\/index|testing\/index)\.ts$)|(^actors\/[^/]+\/(index|protocol)\.ts$)/
    const inside = edges.filter(({ from, to }) => layer(from) !== layer(to) && !doors.test(to))
    expect(inside).toEqual([])
  })
})

describe('files', () => {
  test('no source file is longer than 500 lines', () => {
    expect(sources.filter((path) => read(path).split('\n').length > 501)).toEqual([])
  })

  test('no file of this machine, no secret, no tracked output', () => {
    // Root's home is the same everywhere and tests may speak of it.
    const home = ['/', '/root'].includes(homedir()) ? [] : [`${homedir()}/`]
    const needles = [`${dirname(root)}/`, 'BEGIN PRIVATE KEY', ...home]
    const others = textFiles.filter((path) => path !== relative(root, import.meta.filename))
    const hits = others.flatMap((path) => needles.filter((needle) => read(path).includes(needle)).map(() => path))
    expect(hits).toEqual([])
    expect(tracked.filter((path) => /(^|\/)(dist|coverage|node_modules|\.pit)\//.test(path))).toEqual([])
  })

  test('the lock file names no address', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/)
  })

  test('nothing is left undone or switched off', () => {
    const marks = /TODO|FIXME|\.only\(|(test|it|describe)\.skip\(/
    const own = relative(root, import.meta.filename)
    const checked = textFiles.filter((path) => path !== own && /\.(ts|md|yaml)$/.test(path))
    expect(checked.filter((path) => marks.test(read(path)))).toEqual([])
  })
})

describe('errors', async () => {
  const codes = new Set<string>()
  for (const path of sources.filter((source) => /= defineErrors\(/.test(read(source)))) {
    const parts = Object.values(
      (await import(join(root, path))) as Record<string, Partial<Errors<ErrorTable>> | undefined>,
    )
    for (const part of parts) for (const code of Object.keys(part?.table ?? {})) codes.add(code)
  }
  const documented = new Set([...read('docs/errors.md').matchAll(/^\| `([A-Z0-9_]+)` +\|/gm)].map((match) => match[1]!))

  test('every code is documented, and every documented code exists', () => {
    expect(codes.size).toBeGreaterThan(100)
    expect([...codes].filter((code) => !documented.has(code))).toEqual([])
    expect([...documented].filter((code) => !codes.has(code))).toEqual([])
  })
})

describe('documents', () => {
  test('links between documents lead somewhere', () => {
    const documents = tracked.filter((path) => path.endsWith('.md') && !path.startsWith('examples/documents/'))
    const broken = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
        .map((match) => target(path, match[1]!))
        .filter((to) => !existsSync(join(root, to)))
        .map((to) => `${path} → ${to}`),
    )
    expect(broken).toEqual([])
  })

  test('the program in the README is the example that the tests run', () => {
    const program = read('examples/hello.ts').replace('../src/index.ts', 'symphony-pit')
    expect(read('README.md')).toContain(`\`\`\`ts\n${program}\`\`\``)
  })

  test('the workflow in the README is valid', () => {
    const workflow = /```yaml\n([^]*?)```/.exec(read('README.md'))?.[1] ?? ''
    expect(parseWorkflow(workflow)).toMatchObject({ definition: { name: 'languages' }, problems: [] })
  })

  test('the paths ARCHITECTURE names exist', () => {
    const named = [
      ...read('docs/ARCHITECTURE.md').matchAll(/`((?:runtime|actors|src|test|bench|examples)\/[\w./-]+)`/g),
    ]
    expect(named.length).toBeGreaterThan(5)
    expect(named.map((match) => match[1]!).filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})
