/**
 * File access of operators: only below the run's roots, judged by real paths, so that neither `..` nor a symbolic link
 * leads out. Native errors become coded ones that name the path.
 */
import { realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import type { PitError } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'

/**
 * The real path of an existing file or folder. Relative paths start at the first root.
 * Throws `FILE_NOT_FOUND`, `FILE_UNREADABLE`, `FILE_OUTSIDE_ROOTS`.
 */
export async function resolveExisting(path: string, roots: readonly string[]): Promise<string> {
  const absolute = absolutePath(path, roots)
  // Said before looking: whether a file outside exists is nobody's business.
  const near = await realRoots(roots)
  const real = await realpath(absolute).catch((error: unknown) => {
    throw isBelow(absolute, [...near, ...roots.map((root) => resolve(root))]) ? fileError(path, error) : outside(path)
  })
  if (!isBelow(real, near)) throw outside(path)
  return real
}

/** The real path that a new file would have: its nearest existing folder is what has to be below a root. */
export async function resolveNew(path: string, roots: readonly string[]): Promise<string> {
  const absolute = absolutePath(path, roots)
  const missing: string[] = []
  let at = absolute
  for (;;) {
    const real = await realpath(at).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(at) !== at) return null
      throw fileError(path, error)
    })
    if (real !== null) {
      const whole = join(real, ...missing.reverse())
      if (!isBelow(whole, await realRoots(roots))) throw outside(path)
      return whole
    }
    missing.push(basename(at))
    at = dirname(at)
  }
}

function absolutePath(path: string, roots: readonly string[]): string {
  if (path.includes('\0')) throw outside(path)
  if (isAbsolute(path)) return resolve(path)
  if (roots[0] === undefined) throw outside(path)
  return resolve(roots[0], path)
}

async function realRoots(roots: readonly string[]): Promise<string[]> {
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => null)))
  return real.filter((root) => root !== null)
}

export function isBelow(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))
}

function outside(path: string): PitError {
  return dagErrors.fail('FILE_OUTSIDE_ROOTS', { path })
}

/** The coded error of a failed file operation. */
export function fileError(path: string, cause: unknown): PitError {
  const { code = 'unknown', message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return dagErrors.fail('FILE_NOT_FOUND', { path }, { cause })
  const reason = REASONS.get(code) ?? message
  return dagErrors.fail('FILE_UNREADABLE', { path, reason, nativeCode: code }, { cause })
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'not permitted'],
  ['EISDIR', 'it is a folder'],
  ['ELOOP', 'its symbolic links go round in a circle'],
  ['EMFILE', 'too many open files'],
  ['EIO', 'the disk reports an error'],
])
