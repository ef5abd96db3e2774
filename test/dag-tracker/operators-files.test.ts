/** Operators that touch files, on a real folder with everything in it that a folder can have against you. */
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileError } from '../../actors/dag-tracker/operators/roots.ts'
import { runOperator } from './operators-harness.ts'

let root: string
let outside: string

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pit-operators-')))
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'pit-outside-')))
  writeFileSync(join(outside, 'secret.txt'), 'secret')
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  put('a.md', '# First *one* #\n\nText, with words.\n')
  put('b.txt', 'A title alone\n\nand then the rest: naïve café, 3 of 4.\n')
  put('deep/er/c.md', '```sh\n# no heading\n```\nNo heading yet\n======\n')
  put('deep/.hidden/d.md', 'hidden')
  put('deep/.git/e.md', 'never')
  put('code.ts', '// # not a title\nexport const x = 1')
  put('empty.md', '')
  put('blank.md', ' \n\t\n\u{3000}')
  put('bom.md', '\ufeff# With a mark')
  put('zero.bin.md', Buffer.from([65, 0, 66]))
  put('latin1.md', Buffer.from([0x63, 0x61, 0x66, 0xe9]))
  put('large.md', '')
  truncateSync(join(root, 'large.md'), 50 * 2 ** 20)
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('../deep', join(root, 'deep/back'))
  symlinkSync(outside, join(root, 'exit'))
  symlinkSync(join(outside, 'secret.txt'), join(root, 'exit.md'))
  symlinkSync('a.md', join(root, 'same.md'))
  symlinkSync('nowhere', join(root, 'dangling.md'))
  execFileSync('mkfifo', [join(root, 'pipe.md')])
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
  rmSync(outside, { recursive: true, force: true })
})

const read = (path: string, inputs: object = {}): Promise<Record<string, unknown>> =>
  runOperator('read', { path, ...inputs }, { roots: [root] })

interface Found {
  readonly files: readonly { readonly path: string; readonly relativePath: string; readonly sizeBytes: number }[]
  readonly count: number
  readonly unreadable: readonly { readonly path: string; readonly code: string }[]
}

const glob = (inputs: Readonly<Record<string, unknown>>, roots = [root]): Promise<Found> =>
  runOperator<Found>('glob', { folders: [root], ...inputs }, { roots })
const names = (found: Found): string[] => found.files.map(({ relativePath }) => relativePath)

describe('read', () => {
  test('gives text, title and counts', async () => {
    expect(await read('a.md')).toEqual({
      path: join(root, 'a.md'),
      name: 'a.md',
      title: 'First *one*',
      contentType: 'markdown',
      text: '# First *one* #\n\nText, with words.\n',
      sizeBytes: 35,
      lines: 3,
      words: 5,
    })
    expect(await read(join(root, 'b.txt'))).toMatchObject({ title: 'A title alone', contentType: 'text', words: 12 })
    expect(await read('deep/er/c.md')).toMatchObject({ title: 'No heading yet' })
    expect(await read('code.ts')).toMatchObject({ title: 'code.ts', contentType: 'code', lines: 2 })
    expect(await read('bom.md')).toMatchObject({ title: 'With a mark', text: '# With a mark' })
    expect(await read('same.md')).toMatchObject({ path: join(root, 'a.md') })
  })

  test.for([
    ['missing.md', 'FILE_NOT_FOUND'],
    ['a.md/below', 'FILE_NOT_FOUND'],
    ['dangling.md', 'FILE_NOT_FOUND'],
    ['loop', 'FILE_UNREADABLE'],
    ['deep', 'FILE_UNREADABLE'],
    ['pipe.md', 'FILE_UNREADABLE'],
    ['zero.bin.md', 'FILE_BINARY'],
    ['latin1.md', 'FILE_BINARY'],
    ['empty.md', 'FILE_EMPTY'],
    ['blank.md', 'FILE_EMPTY'],
    ['large.md', 'FILE_TOO_LARGE'],
    ['../outside.md', 'FILE_OUTSIDE_ROOTS'],
    ['exit.md', 'FILE_OUTSIDE_ROOTS'],
    ['exit/secret.txt', 'FILE_OUTSIDE_ROOTS'],
    ['/etc/passwd', 'FILE_OUTSIDE_ROOTS'],
    ['/no/such/file', 'FILE_OUTSIDE_ROOTS'],
    ['nul\0', 'FILE_OUTSIDE_ROOTS'],
  ] as const)('%j is refused with %s', async ([path, code]) => {
    await expect(read(path)).rejects.toMatchObject({ code, fields: { path } })
  })

  test('native errors become reasons', () => {
    const error = fileError('x.md', Object.assign(new Error('EACCES: …'), { code: 'EACCES' }))
    expect(error).toMatchObject({ code: 'FILE_UNREADABLE', message: 'cannot read x.md: permission denied' })
    expect(fileError('x.md', new Error('odd')).message).toBe('cannot read x.md: odd')
  })

  test("the size limit is the caller's", async () => {
    await expect(read('a.md', { maxBytes: 34 })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      fields: { sizeBytes: 35, maxBytes: 34 },
    })
    expect(await read('a.md', { maxBytes: 35 })).toMatchObject({ sizeBytes: 35 })
  })

  test('without roots there is no file access', async () => {
    await expect(runOperator('read', { path: join(root, 'a.md') })).rejects.toMatchObject({
      code: 'FILE_OUTSIDE_ROOTS',
    })
    await expect(runOperator('glob', { folders: [root] })).rejects.toMatchObject({ code: 'FILE_OUTSIDE_ROOTS' })
  })

  test("a root that is a name's beginning is no root", async () => {
    await expect(
      runOperator('read', { path: join(root, 'a.md') }, { roots: [root.slice(0, -1)] }),
    ).rejects.toMatchObject({ code: 'FILE_OUTSIDE_ROOTS' })
  })
})

describe('glob', () => {
  test('finds hidden files, links to files, and nothing twice; ignores .git', async () => {
    expect(names(await glob({ pattern: '**/*.md' }))).toEqual([
      'a.md',
      'blank.md',
      'bom.md',
      'deep/.hidden/d.md',
      'deep/er/c.md',
      'empty.md',
      'large.md',
      'latin1.md',
      'same.md',
      'zero.bin.md',
    ])
  })

  test('what could not be looked into is listed', async () => {
    const { unreadable } = await glob({})
    expect(unreadable.map(({ path, code }) => `${path.slice(root.length + 1)} ${code}`).toSorted()).toEqual([
      'dangling.md FILE_NOT_FOUND',
      'exit FILE_OUTSIDE_ROOTS',
      'exit.md FILE_OUTSIDE_ROOTS',
      'loop FILE_UNREADABLE',
      'pipe.md FILE_UNREADABLE',
    ])
  })

  test('a link that leads nowhere is of interest only where the pattern looks', async () => {
    const listed = async (pattern: string) =>
      (await glob({ pattern })).unreadable.map(({ path }) => path.slice(root.length + 1)).toSorted()
    expect(await listed('*.md')).toEqual(['dangling.md', 'exit', 'exit.md', 'loop', 'pipe.md'])
    expect(await listed('*.txt')).toEqual(['exit', 'exit.md', 'loop'])
  })

  test('a pipe under the name of a file is listed, not passed over', async () => {
    const { files, unreadable } = await glob({ pattern: 'pipe.*' })
    const path = join(root, 'pipe.md')
    expect(files).toEqual([])
    expect(unreadable).toContainEqual({
      path,
      code: 'FILE_UNREADABLE',
      message: `cannot read ${path}: it is no regular file`,
    })
  })

  test('the default finds everything; ignore can be emptied', async () => {
    expect(names(await glob({ ignore: [] }))).toContain('deep/.git/e.md')
    expect(names(await glob({}))).toContain('code.ts')
  })

  test('patterns without ** stay at their depth', async () => {
    expect(names(await glob({ pattern: '*.txt' }))).toEqual(['b.txt'])
    expect(names(await glob({ pattern: '*/*/*.md' }))).toEqual(['deep/.hidden/d.md', 'deep/er/c.md'])
    expect(names(await glob({ pattern: '{a,b}.{md,txt}' }))).toEqual(['a.md', 'b.txt'])
  })

  test('several folders and single files: paths relative to what holds them all', async () => {
    const found = await glob({
      folders: [join(root, 'deep/er'), join(root, 'a.md'), join(root, 'deep')],
      pattern: '**/*.md',
    })
    expect(names(found)).toEqual(['a.md', 'deep/.hidden/d.md', 'deep/er/c.md'])
    expect(found.count).toBe(3)
    expect(found.files[0]).toMatchObject({ path: join(root, 'a.md'), sizeBytes: 35 })
  })

  test('a link to a folder elsewhere in the roots is followed once', async () => {
    const found = await glob({ folders: [join(root, 'deep')], pattern: '**/secret.txt' }, [root, outside])
    expect(names(found)).toEqual([])
    symlinkSync(outside, join(root, 'deep/one'))
    symlinkSync(outside, join(root, 'deep/two'))
    const linked = await glob({ folders: [join(root, 'deep')], pattern: '**/secret.txt' }, [root, outside])
    expect(linked.count).toBe(1)
    rmSync(join(root, 'deep/one'))
    rmSync(join(root, 'deep/two'))
  })

  test.for([
    [{ folders: ['missing'] }, 'FILE_NOT_FOUND'],
    [{ folders: ['/etc'] }, 'FILE_OUTSIDE_ROOTS'],
    [{ folders: [7] }, 'OPERATOR_INPUT_INVALID'],
    [{ pattern: '' }, 'OPERATOR_INPUT_INVALID'],
    [{ pattern: '/abs' }, 'OPERATOR_INPUT_INVALID'],
    [{ pattern: '[a' }, 'OPERATOR_INPUT_INVALID'],
    [{ pattern: '{a,b}'.repeat(10) }, 'OPERATOR_INPUT_INVALID'],
  ] as const)('%j is refused with %s', async ([inputs, code]) => {
    await expect(glob(inputs)).rejects.toMatchObject({ code })
  })

  test('an aborted search ends', async () => {
    const aborted = AbortSignal.abort(new Error('stop'))
    await expect(runOperator('glob', { folders: [root] }, { roots: [root], signal: aborted })).rejects.toThrow('stop')
  })
})

describe('write', () => {
  const write = (path: string, text: string, more: object = {}): Promise<Record<string, unknown>> =>
    runOperator('write', { path, text, ...more }, { roots: [root] })

  test('makes folders, replaces whole files, leaves nothing behind', async () => {
    const first = await write('out/new/report.md', 'één')
    expect(first).toMatchObject({ path: join(root, 'out/new/report.md'), sizeBytes: 5 })
    const second = await write('out/new/report.md', 'two')
    expect(second.sha256).not.toBe(first.sha256)
    expect(readFileSync(join(root, 'out/new/report.md'), 'utf8')).toBe('two')
    expect(readdirSync(join(root, 'out/new'))).toEqual(['report.md'])
  })

  test('overwrite: false refuses other content and accepts its own', async () => {
    await write('out/once.md', 'same')
    const before = statSync(join(root, 'out/once.md')).mtimeMs
    await expect(write('out/once.md', 'other', { overwrite: false })).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    expect(await write('out/once.md', 'same', { overwrite: false })).toMatchObject({ sizeBytes: 4 })
    expect(statSync(join(root, 'out/once.md')).mtimeMs).toBe(before)
  })

  test.for([
    ['../x.md', 'FILE_OUTSIDE_ROOTS'],
    ['exit/x.md', 'FILE_OUTSIDE_ROOTS'],
    ['exit/new/x.md', 'FILE_OUTSIDE_ROOTS'],
    ['deep', 'FILE_WRITE_FAILED'],
    ['a.md/x.md', 'FILE_NOT_FOUND'],
    ['loop/x.md', 'FILE_UNREADABLE'],
  ] as const)('%j is refused with %s', async ([path, code]) => {
    await expect(write(path, 'x')).rejects.toMatchObject({ code })
    expect(readdirSync(outside)).toEqual(['secret.txt'])
  })

  test('a link out of the roots is not written through', async () => {
    await expect(write('exit.md', 'x')).rejects.toMatchObject({ code: 'FILE_OUTSIDE_ROOTS' })
    expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe('secret')
  })
})
