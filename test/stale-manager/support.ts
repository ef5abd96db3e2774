/** Artifacts as the store describes them, made up. */
import { sha256Hex } from '../../runtime/index.ts'
import type { ArtifactInfo, ContentHash } from '../../actors/artifact-store/protocol.ts'
import type { World } from '../../actors/stale-manager/engine.ts'

export const DAY_MS = 86_400_000
export const NOW = 1_000 * DAY_MS

export function hashOf(name: string): ContentHash {
  return sha256Hex(name) as ContentHash
}

/** `ageDays` and `idleDays` count back from `NOW`. */
export function artifact(
  name: string,
  { ageDays = 100, idleDays = ageDays, ...rest }: Partial<ArtifactInfo> & { ageDays?: number; idleDays?: number } = {},
): ArtifactInfo {
  return {
    hash: hashOf(name),
    sizeBytes: 10,
    contentType: 'text/plain',
    tags: [],
    createdAt: NOW - ageDays * DAY_MS,
    lastAccessAt: NOW - idleDays * DAY_MS,
    accessCount: 0,
    pinnedBy: [],
    versions: [],
    usedByCount: 0,
    ...rest,
  }
}

export function world(artifacts: readonly ArtifactInfo[], rest: Partial<World> = {}): World {
  return { artifacts, descendants: new Map(), activeRuns: new Set(), ...rest }
}
