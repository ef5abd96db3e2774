/**
 * Keys of the file-system backend in order, a page at a time: only the folders that a page reaches are read.
 *
 * The keys below a folder are those of its fan-out folders (`=ab`: the parts that begin with `ab`) and of its ordinary ones
 * (`e`: the keys that go on with `e/`). Sorted by what their keys begin with, one comes whole before the next – but an
 * ordinary folder `abc` lies among the files of `=ab`: the two are read together.
 */
import { join } from 'node:path'
import { PAGE_BLOBS_MAX, type BlobInfo, type BlobPage, type ListOptions } from './backend.ts'
import type { BlobFiles } from './blob-files.ts'

interface Places {
  readonly blobs: string
  /** The file that is there while the folder is. */
  readonly sign: string
}

const FAN_OUT_SIGN = '='
const FAN_OUT_CHARS = 2

export async function listBlobs(
  files: BlobFiles,
  { blobs, sign }: Places,
  { prefix = '', cursor = '', limit = PAGE_BLOBS_MAX }: ListOptions = {},
): Promise<BlobPage> {
  await (await files.open(sign, 'read')).close()
  const max = Math.min(limit, PAGE_BLOBS_MAX)
  const items: BlobInfo[] = []
  for await (const { key, path } of keysIn(files, blobs, '', { prefix, after: cursor })) {
    if (items.length === max) return { items, cursor: items.at(-1)!.key }
    const sizeBytes = await sizeOf(files, path)
    if (sizeBytes !== null) items.push({ key, sizeBytes })
  }
  return { items }
}

interface Found {
  readonly key: string
  readonly path: string
}

interface Wanted {
  readonly prefix: string
  readonly after: string
}

async function* keysIn(files: BlobFiles, dir: string, above: string, wanted: Wanted): AsyncGenerator<Found> {
  const groups = new Map<string, { isFannedOut: boolean; folders: string[] }>()
  for (const { name, isFolder } of (await files.list(dir)) ?? []) {
    if (!isFolder) continue
    const isFannedOut = name.startsWith(FAN_OUT_SIGN)
    const start = isFannedOut ? name.slice(1) : `${name}/`.slice(0, FAN_OUT_CHARS)
    const group = groups.get(start) ?? { isFannedOut: false, folders: [] }
    groups.set(start, group)
    if (isFannedOut) group.isFannedOut = true
    else group.folders.push(name)
  }
  for (const start of [...groups.keys()].sort()) {
    if (!mayHold(above + start, wanted)) continue
    const { isFannedOut, folders } = groups.get(start)!
    const fannedOut = join(dir, FAN_OUT_SIGN + start)
    const names = isFannedOut ? ((await files.list(fannedOut)) ?? []).map(({ name }) => name) : []
    // A folder's keys go on with `/`: sorted with it, each is in its place among the files.
    for (const entry of [...names, ...folders.map((name) => `${name}/`)].sort()) {
      const key = above + entry
      if (!mayHold(key, wanted)) continue
      if (entry.endsWith('/')) yield* keysIn(files, join(dir, entry), key, wanted)
      else if (key.startsWith(wanted.prefix) && key > wanted.after) yield { key, path: join(fannedOut, entry) }
    }
  }
}

/** Whether keys that begin so can be wanted. */
function mayHold(start: string, { prefix, after }: Wanted): boolean {
  const fits = start.startsWith(prefix) || prefix.startsWith(start)
  return fits && (start > after || after.startsWith(start))
}

async function sizeOf(files: BlobFiles, path: string): Promise<number | null> {
  try {
    const file = await files.open(path, 'read')
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  } catch (error) {
    // Deleted since the folder was read.
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
