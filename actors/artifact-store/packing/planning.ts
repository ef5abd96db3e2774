/**
 * What is packed together: families of similar contents, newest first, so that the newest is what the others are told by.
 *
 *   cluster   contents that share features, or name and type          (successive versions, variations)
 *   family    a large cluster; one that an existing key pack fits; or all small clusters of a content type, side by side
 */
import { featuresOf, SIMILAR_MIN, type Sketch } from './sketch.ts'

export interface Candidate {
  readonly id: number
  readonly sizeBytes: number
  readonly contentType: string
  readonly name: string | null
  readonly createdAt: number
  readonly sketch: Sketch
}

/** A pack that others may be told by. */
export interface KeyPack {
  readonly id: number
  readonly label: string
  readonly sketch: Sketch
}

export interface Family {
  readonly label: string
  /** An existing key pack to begin with. */
  readonly base: number | null
  readonly members: readonly Candidate[]
}

interface Cluster {
  readonly base: number | null
  readonly members: Candidate[]
}

/** Candidates looked at in a turn: about 5 ms. */
const STEP = 256

/** All in one turn. */
export function planFamilies(...args: Parameters<typeof planning>): readonly Family[] {
  const steps = planning(...args)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** `ownFamilyBytes`: clusters of at least this size are families. Deterministic. Yields where others may have their turn. */
export function* planning(
  candidates: readonly Candidate[],
  keys: readonly KeyPack[],
  ownFamilyBytes: number,
): Generator<void, readonly Family[]> {
  const clusters = yield* clustersOf(candidates, keys)
  const families: Family[] = []
  const small = new Map<string, Cluster[]>()
  for (const cluster of clusters) {
    if (cluster.members.length === 0) continue
    const sizeBytes = cluster.members.reduce((sum, member) => sum + member.sizeBytes, 0)
    const [first] = cluster.members
    const label = labelOf(first!)
    if (cluster.base !== null || sizeBytes >= ownFamilyBytes) {
      families.push({ label: '', base: cluster.base, members: newestFirst(cluster.members) })
    } else small.set(label, [...(small.get(label) ?? []), cluster])
  }
  for (const [label, together] of [...small].sort(([a], [b]) => compare(a, b))) {
    const members = together.flatMap((cluster) => newestFirst(cluster.members))
    families.push({ label, base: keys.findLast((key) => key.label === label)?.id ?? null, members })
  }
  return families
}

function* clustersOf(candidates: readonly Candidate[], keys: readonly KeyPack[]): Generator<void, readonly Cluster[]> {
  const byFeature = new Map<number, Cluster>()
  const byName = new Map<string, Cluster>()
  const clusters: Cluster[] = []
  const begin = (base: number | null): Cluster => {
    const cluster: Cluster = { base, members: [] }
    clusters.push(cluster)
    return cluster
  }
  const remember = (sketch: Sketch, cluster: Cluster): void => {
    for (const feature of featuresOf(sketch)) byFeature.set(feature, cluster)
  }
  for (const key of keys) remember(key.sketch, begin(key.id))
  // In the order of their names, so that small clusters of one kind lie side by side.
  for (const [at, candidate] of [...candidates].sort(byNameAndTime).entries()) {
    if (at % STEP === STEP - 1) yield
    const name = candidate.name === null ? null : `${candidate.contentType}\n${candidate.name}`
    const named = name === null ? undefined : byName.get(name)
    const cluster = mostShared(candidate.sketch, byFeature) ?? named ?? begin(null)
    cluster.members.push(candidate)
    remember(candidate.sketch, cluster)
    if (name !== null) byName.set(name, cluster)
  }
  return clusters
}

function mostShared(sketch: Sketch, byFeature: ReadonlyMap<number, Cluster>): Cluster | null {
  const shared = new Map<Cluster, number>()
  for (const feature of featuresOf(sketch)) {
    const cluster = byFeature.get(feature)
    if (cluster !== undefined) shared.set(cluster, (shared.get(cluster) ?? 0) + 1)
  }
  let best: Cluster | null = null
  let most = SIMILAR_MIN - 1
  for (const [cluster, count] of shared) {
    if (count > most) [best, most] = [cluster, count]
  }
  return best
}

/** Kinds of content that compress well side by side: the type, and the ending of the name where the type says little. */
function labelOf({ contentType, name }: Candidate): string {
  const ending = name === null ? '' : (/\.[a-z\d]{1,8}$/.exec(name.toLowerCase())?.[0] ?? '')
  return `${contentType}${ending}`
}

function newestFirst(members: readonly Candidate[]): readonly Candidate[] {
  return [...members].sort((a, b) => b.createdAt - a.createdAt || b.id - a.id)
}

function byNameAndTime(a: Candidate, b: Candidate): number {
  return compare(a.name ?? '', b.name ?? '') || a.createdAt - b.createdAt || a.id - b.id
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
