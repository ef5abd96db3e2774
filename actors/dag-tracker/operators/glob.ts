/**
 * `glob`: the files below some folders whose path matches a pattern.
 *
 * Nothing is skipped by surprise: hidden files count, `ignore` is visible and can be emptied, and what could not be
 * looked into is listed in `unreadable`. Symbolic links to files are files; links to folders are followed unless they
 * lead back into a folder that is searched anyway, so no loop and no file twice. The order is that of the paths.
 */
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { isPitError, type PitError } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'
import { compileGlob, type GlobPattern } from './glob-pattern.ts'
import { invalidInput, type Operator, type OperatorContext } from './operator.ts'
import { fileError, isBelow, resolveExisting } from './roots.ts'

export interface FoundFile {
  readonly path: string
  /** Relative to the deepest folder that holds everything searched; `/` between names. */
  readonly relativePath: string
  readonly sizeBytes: number
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number
}

interface Unreadable {
  readonly path: string
  readonly code: string
  readonly message: string
}

function entryOf({ code, message }: PitError, path: string): Unreadable {
  return { path, code, message }
}

function notRegular(path: string): PitError {
  return dagErrors.fail('FILE_UNREADABLE', { path, reason: 'it is no regular file' })
}

const FILES_MAX = 200_000
const STATS_AT_ONCE = 32

export const glob: Operator = {
  name: 'glob',
  description:
    'Lists the files below some folders that match a pattern; a file given instead of a folder is listed too',
  version: '1',
  pure: false,
  on: 'inline',
  inputs: {
    folders: { type: 'array', description: 'Folders or files' },
    pattern: { type: 'string', default: '**/*', description: '**, *, ?, [a-z], {a,b}; relative to each folder' },
    ignore: { type: 'array', default: ['**/.git/**'], description: 'Patterns of what is left out' },
  },
  outputs: { files: 'array', count: 'number', unreadable: 'array' },
  async run(inputs, ctx) {
    const folders = strings('folders', inputs.folders)
    const pattern = compileGlob(inputs.pattern as string)
    const ignore = strings('ignore', inputs.ignore).map(compileGlob)
    const search = createSearch(pattern, ignore, ctx)
    const starts = await Promise.all(folders.map((folder) => resolveExisting(folder, ctx.roots)))
    const base = await commonFolder(starts)
    const paths = new Set<string>()
    for (const start of starts) for (const path of await search.below(start, starts)) paths.add(path)
    const files = await describeFiles([...paths].sort(), base, search.unreadable, ctx)
    return { files, count: files.length, unreadable: search.unreadable }
  },
}

function strings(input: string, value: unknown): readonly string[] {
  const list = value as readonly unknown[]
  if (list.every((entry) => typeof entry === 'string' && entry !== '')) return list as readonly string[]
  throw invalidInput('glob', input, 'a list of non-empty strings', value)
}

interface Search {
  below(start: string, starts: readonly string[]): Promise<string[]>
  readonly unreadable: Unreadable[]
}

function createSearch(pattern: GlobPattern, ignore: readonly GlobPattern[], ctx: OperatorContext): Search {
  const unreadable: Unreadable[] = []
  const followed = new Set<string>()

  function ignored(path: string): boolean {
    // `**/.git/**` means the folder itself, too: there is no point in looking into it.
    return ignore.some((each) => each.matches(path) || each.matches(`${path}/x`))
  }

  async function below(start: string, starts: readonly string[]): Promise<string[]> {
    if (!(await stat(start)).isDirectory()) return [start]
    const found: string[] = []
    const open: { readonly path: string; readonly inside: string; readonly depth: number }[] = [
      { path: start, inside: '', depth: 1 },
    ]
    while (open.length > 0) {
      ctx.signal.throwIfAborted()
      const folder = open.pop()!
      for (const entry of await list(folder.path)) {
        const inside = folder.inside === '' ? entry.name : `${folder.inside}/${entry.name}`
        if (ignored(inside)) continue
        const path = join(folder.path, entry.name)
        const wanted = pattern.matches(inside)
        const kind = await kindOf(entry, path, starts, wanted)
        if (kind === 'folder' && folder.depth < pattern.depthMax) open.push({ path, inside, depth: folder.depth + 1 })
        if (kind !== 'file' || !wanted) continue
        found.push(path)
        if (found.length > FILES_MAX)
          throw invalidInput('glob', 'pattern', `narrower: more than ${FILES_MAX} files`, start)
      }
    }
    return found
  }

  async function list(folder: string): Promise<readonly Dirent[]> {
    try {
      return await readdir(folder, { withFileTypes: true })
    } catch (error) {
      unreadable.push(entryOf(fileError(folder, error), folder))
      return []
    }
  }

  async function kindOf(
    entry: Dirent,
    path: string,
    starts: readonly string[],
    wanted: boolean,
  ): Promise<'file' | 'folder' | 'other'> {
    if (entry.isFile()) return 'file'
    if (entry.isDirectory()) return 'folder'
    if (!entry.isSymbolicLink()) {
      // A pipe or a socket under the name of a file somebody asked for.
      if (wanted) unreadable.push(entryOf(notRegular(path), path))
      return 'other'
    }
    try {
      const real = await resolveExisting(path, ctx.roots)
      const target = await stat(real)
      if (target.isFile()) return 'file'
      if (!target.isDirectory() || isBelow(real, starts) || followed.has(real)) return 'other'
      followed.add(real)
      return 'folder'
    } catch (error) {
      const coded = isPitError(error) ? error : fileError(path, error)
      // A link that leads nowhere is of interest only under a name that was asked for; any other may be a folder.
      if (wanted || coded.code !== 'FILE_NOT_FOUND') unreadable.push(entryOf(coded, path))
      return 'other'
    }
  }

  return { below, unreadable }
}

/** The deepest folder that holds all of them: relative paths from there are short and never equal. */
async function commonFolder(starts: readonly string[]): Promise<string> {
  const folders = await Promise.all(
    starts.map(async (start) => ((await stat(start)).isDirectory() ? start : dirname(start))),
  )
  let common = folders[0] ?? (await realpath('/'))
  for (const folder of folders) while (!isBelow(folder, [common])) common = dirname(common)
  return common
}

/** Sizes and times, a few at once; a file that vanished meanwhile is listed as unreadable. */
async function describeFiles(
  paths: readonly string[],
  base: string,
  unreadable: Unreadable[],
  ctx: OperatorContext,
): Promise<FoundFile[]> {
  const files: FoundFile[] = []
  for (let at = 0; at < paths.length; at += STATS_AT_ONCE) {
    ctx.signal.throwIfAborted()
    const batch = paths.slice(at, at + STATS_AT_ONCE)
    const described = await Promise.allSettled(batch.map((path) => stat(path)))
    for (const [i, result] of described.entries()) {
      const path = batch[i]!
      if (result.status === 'rejected') unreadable.push(entryOf(fileError(path, result.reason), path))
      else {
        const { size, mtimeMs } = result.value
        const relativePath = relative(base, path).split(sep).join('/')
        files.push({ path, relativePath, sizeBytes: size, modifiedAt: Math.floor(mtimeMs) })
      }
    }
  }
  return files
}
