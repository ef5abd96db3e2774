/** A store in a temporary directory, alone in an in-process system. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { artifactStore, artifactStoreActor, type ArtifactStoreConfig } from '../../actors/artifact-store/index.ts'
import type { ArtifactStoreProtocol, ContentHash } from '../../actors/artifact-store/index.ts'
import { isPitError, type ActorRef, type ActorSystem, type Clock } from '../../runtime/index.ts'
import { startInProcess } from '../../runtime/testing/in-process-system.ts'

export interface OpenStore {
  readonly system: ActorSystem
  readonly store: ActorRef<ArtifactStoreProtocol>['ask']
  readonly dataDir: string
}

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'pit-store-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Closed when the test ends. */
export async function openStore(
  config: ArtifactStoreConfig = { dataDir: ':memory:' },
  options: { readonly clock?: Clock } = {},
): Promise<OpenStore> {
  const system = await startInProcess({ actors: [[artifactStoreActor, config]], ...options })
  onTestFinished(() => system.close())
  return { system, store: system.ref(artifactStore).ask, dataDir: config.dataDir }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (content: Uint8Array | null): string | null =>
  content === null ? null : new TextDecoder().decode(content)

export async function put(store: OpenStore['store'], content: string, more: object = {}): Promise<ContentHash> {
  const { hash } = await store.put({ content: bytes(content), contentType: 'text/plain', ...more })
  return hash
}

/** The code a call fails with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (isPitError(error)) return error.code
    throw error
  }
  return 'no error'
}

/** The files of the store's log. */
export function segmentsOf(dataDir: string): string[] {
  const log = join(dataDir, 'artifacts', 'log')
  return readdirSync(log)
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(log, name))
}

/** Flips one bit of the first place where `content` is stored. */

/** Flips a bit of that content, wherever it is in the log. */
export function damage(dataDir: string, content: string): void {
  for (const path of segmentsOf(dataDir)) {
    const file = readFileSync(path)
    const at = file.indexOf(content)
    if (at < 0) continue
    file[at + 1]! ^= 1
    writeFileSync(path, file)
    return
  }
  throw new Error(`${content} is not there`)
}
