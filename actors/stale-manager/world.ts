/** Looks at the store and the runs: everything a decision depends on, as the engine wants it. */
import type { ActorRef } from '../../runtime/index.ts'
import type { ArtifactInfo, ArtifactStoreProtocol, ContentHash } from '../artifact-store/protocol.ts'
import { RunState, type DagTrackerProtocol } from '../dag-tracker/protocol.ts'
import type { PolicyEngine, World } from './engine.ts'

export interface Sources {
  readonly store: ActorRef<ArtifactStoreProtocol>
  readonly tracker: ActorRef<DagTrackerProtocol>
  readonly signal: AbortSignal
}

const PAGE = 1_000
/** An artifact with more descendants than this counts as needed. */
const DESCENDANTS_MAX = 10_000
const LINEAGE_PARALLEL = 16
const UNFINISHED = [RunState.Pending, RunState.Running, RunState.Paused, RunState.WaitingForInput] as const

export async function observe(sources: Sources, engine: PolicyEngine, now: number): Promise<World> {
  // Runs first: one that starts later pins what it uses, and a pin is seen in the list or by the store itself.
  const activeRuns = await listActiveRuns(sources)
  const artifacts = await listArtifacts(sources)
  const needed = engine.lineageNeeded({ artifacts, activeRuns, descendants: new Map() }, now)
  return { artifacts, activeRuns, descendants: await readDescendants(sources, needed) }
}

async function listActiveRuns({ tracker, signal }: Sources): Promise<ReadonlySet<string>> {
  const lists = await Promise.all(UNFINISHED.map((state) => tracker.ask.list({ state, limit: PAGE }, { signal })))
  return new Set(lists.flat().map(({ runId }) => runId))
}

async function listArtifacts({ store, signal }: Sources): Promise<readonly ArtifactInfo[]> {
  const artifacts = new Map<ContentHash, ArtifactInfo>()
  let cursor: string | undefined
  do {
    const page = await store.ask.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, { signal })
    for (const artifact of page.items) artifacts.set(artifact.hash, artifact)
    cursor = page.cursor
  } while (cursor !== undefined)
  return [...artifacts.values()]
}

async function readDescendants(
  { store, signal }: Sources,
  hashes: readonly ContentHash[],
): Promise<ReadonlyMap<ContentHash, readonly ContentHash[]>> {
  const descendants = new Map<ContentHash, readonly ContentHash[]>()
  for (let from = 0; from < hashes.length; from += LINEAGE_PARALLEL) {
    const batch = hashes.slice(from, from + LINEAGE_PARALLEL)
    const query = { direction: 'descendants', limit: DESCENDANTS_MAX } as const
    const found = await Promise.all(batch.map((hash) => store.ask.lineage({ hash, ...query }, { signal })))
    for (const [i, nodes] of found.entries()) {
      if (nodes.length < DESCENDANTS_MAX)
        descendants.set(
          batch[i]!,
          nodes.map(({ hash }) => hash),
        )
    }
  }
  return descendants
}
