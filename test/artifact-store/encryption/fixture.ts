/** Encrypted stores in temporary directories, and what is on the disk of them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContentHash, EncryptionOptions } from '../../../actors/artifact-store/index.ts'
import { openStore, put, tempDir, type OpenStore } from '../fixture.ts'

/** The file of a key that is `digit` over and over. */
export function keyFile(digit = 'a'): string {
  const path = join(tempDir(), `key-${digit}`)
  writeFileSync(path, digit.repeat(64))
  return path
}

export interface Place {
  readonly dataDir: string
  readonly encryption: EncryptionOptions
}

export function newPlace(more: Partial<EncryptionOptions> = {}): Place {
  return { dataDir: tempDir(), encryption: { key: { file: keyFile() }, ...more } }
}

export const open = (place: Place): Promise<OpenStore> => openStore({ ...place, segmentBytes: 8192 })

/** Every file under the directory, by path. */
export function filesOf(dataDir: string): ReadonlyMap<string, Buffer> {
  const entries = readdirSync(dataDir, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort()
  return new Map(paths.map((path) => [path, readFileSync(path)]))
}

export const segmentsOf = (dataDir: string): string[] =>
  [...filesOf(dataDir).keys()].filter((path) => path.endsWith('.seg'))
export const keysOf = (dataDir: string): string => join(dataDir, 'artifacts', 'keys')
export const imagesOf = (dataDir: string): string[] =>
  [...filesOf(dataDir).keys()].filter((path) => path.endsWith('.sealed'))

/** Puts these contents and closes; the text by its hash. */
export async function fill(place: Place, contents: readonly string[]): Promise<Map<ContentHash, string>> {
  const { store, system } = await open(place)
  const hashes = new Map<ContentHash, string>()
  for (const content of contents) hashes.set(await put(store, content), content)
  await system.close()
  return hashes
}

/** The code that opening fails with, or none. */
export async function openingCode(place: Place): Promise<string> {
  try {
    const { system } = await open(place)
    await system.close()
    return 'no error'
  } catch (error) {
    const { code, cause } = error as { code?: string; cause?: { code?: string } }
    return (code === 'INIT_FAILED' ? cause?.code : code) ?? String(error)
  }
}
