/** A store in a temporary directory, alone in an in-process system. */
import { mkdtempSync, rmSync } from 'node:fs'
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
