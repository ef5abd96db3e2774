/**
 * The policy engine: artifacts, policies and a time in, a decision for each artifact out. Pure and deterministic.
 *
 *   protected (built-in, keep rules)  ─►  kept
 *   due (max-age, max-idle)           ─►  deleted, unless protected, or needed by something that stays (keep-referenced)
 *   over size (max-total-size)        ─►  the least used go, under the same conditions, until the rest fits
 *
 * I1: keep always beats delete, whichever policy says so and whatever its priority.
 * I2: with keep-referenced, nothing is deleted from which anything that stays was made.
 * I3: the order of artifacts and of policies of equal priority does not change what is deleted.
 */
import type { ArtifactInfo, ContentHash } from '../artifact-store/protocol.ts'
import type { RetentionDecision, RetentionPolicy, RetentionRule } from './protocol.ts'
import { matchesGlob, parseVersion, selects } from './selection.ts'

/** What a decision depends on. */
export interface World {
  readonly artifacts: readonly ArtifactInfo[]
  /**
   * Everything that was made, directly or not, from an artifact; for those of `lineageNeeded`. One that is missing here
   * counts as needed when anything was made from it.
   */
  readonly descendants: ReadonlyMap<ContentHash, readonly ContentHash[]>
  /** Runs that have not ended. */
  readonly activeRuns: ReadonlySet<string>
}

export interface PolicyEngine {
  /** One decision per artifact, in the world's order. */
  evaluate(world: World, now: number): readonly RetentionDecision[]
  /** Artifacts whose descendants must be known to decide. */
  lineageNeeded(world: World, now: number): readonly ContentHash[]
}

/** Why something is kept or goes. */
interface Verdict {
  readonly rule: string
  readonly reason: string
}

/** An evaluation in the making. */
interface Evaluation {
  readonly world: World
  readonly now: number
  readonly byHash: ReadonlyMap<ContentHash, ArtifactInfo>
  readonly kept: Map<ContentHash, Verdict>
  /** Due, but something that stays was made from it: free again if a size rule takes that away. */
  readonly held: Map<ContentHash, Verdict>
  readonly deleted: Map<ContentHash, Verdict>
}

type RuleOf<K extends RetentionRule['kind']> = RetentionRule & { readonly kind: K }

const DAY_MS = 86_400_000
const NOT_NOMINATED: Verdict = { rule: 'none', reason: 'no rule of any policy asks for its deletion' }

export function createPolicyEngine(policies: readonly RetentionPolicy[]): PolicyEngine {
  const ordered = policies
    .filter(({ enabled = true }) => enabled)
    .sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0) || (a.name < b.name ? -1 : 1))
  const rulesOf = <K extends RetentionRule['kind']>(...kinds: readonly K[]) =>
    ordered.flatMap((policy) =>
      policy.rules
        .filter((rule): rule is RuleOf<K> => kinds.includes(rule.kind as K))
        .map((rule) => ({ policy, rule, name: `${policy.name}/${rule.kind}` })),
    )
  const expiries = rulesOf('max-age', 'max-idle')
  const sizes = rulesOf('max-total-size')
  const references = rulesOf('keep-referenced')

  const isReferenceKept = (artifact: ArtifactInfo): string | undefined =>
    references.find(({ policy }) => selects(policy.selector, artifact))?.name

  function protect({ world, kept }: Evaluation): void {
    protectBuiltIn(world, kept)
    for (const { policy, rule, name } of rulesOf('keep-tagged', 'keep-versions', 'keep-last')) {
      const selected = world.artifacts.filter((artifact) => selects(policy.selector, artifact))
      for (const [hash, reason] of protectedBy(rule, selected)) keep(kept, hash, name, reason)
    }
  }

  function expire(evaluation: Evaluation): void {
    const { world, now, kept, held, deleted } = evaluation
    for (const { policy, rule, name } of expiries) {
      for (const artifact of world.artifacts) {
        const { hash } = artifact
        if (kept.has(hash) || deleted.has(hash) || !selects(policy.selector, artifact)) continue
        const reason = expiryReason(rule, artifact, now)
        if (reason !== undefined) deleted.set(hash, { rule: name, reason })
      }
    }
    // Against all that is due: what stays because of a descendant is itself a descendant of whatever it was made from.
    const due = new Set(deleted.keys())
    for (const hash of due) {
      const needed = neededBy(evaluation, hash, due)
      if (needed === undefined) continue
      deleted.delete(hash)
      held.set(hash, needed)
    }
  }

  /** Why an artifact must stay if only these are deleted. */
  function neededBy({ world, byHash }: Evaluation, hash: ContentHash, gone: Pick<Set<ContentHash>, 'has'>) {
    const artifact = byHash.get(hash)!
    const rule = artifact.usedByCount === 0 ? undefined : isReferenceKept(artifact)
    if (rule === undefined) return undefined
    const descendants = world.descendants.get(hash)
    if (descendants === undefined) return { rule, reason: `${artifact.usedByCount} artifacts were made from it` }
    const user = descendants.find((other) => byHash.has(other) && !gone.has(other))
    return user === undefined ? undefined : { rule, reason: `${user} was made from it` }
  }

  function shrink(evaluation: Evaluation): void {
    const { world, kept, deleted } = evaluation
    for (const { policy, rule, name } of sizes) {
      const selected = world.artifacts
        .filter(({ hash }) => !deleted.has(hash))
        .filter((a) => selects(policy.selector, a))
      let bytes = selected.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      const candidates = selected.filter(({ hash }) => !kept.has(hash)).sort(leastUsedFirst)
      // Again and again, because what was needed by something that went may go in the next round.
      for (let before = -1; bytes > rule.bytes && before !== deleted.size;) {
        before = deleted.size
        for (const { hash, sizeBytes } of candidates) {
          if (bytes <= rule.bytes) break
          if (deleted.has(hash) || neededBy(evaluation, hash, deleted) !== undefined) continue
          deleted.set(hash, { rule: name, reason: `least used of what is over ${rule.bytes} bytes` })
          bytes -= sizeBytes
        }
      }
    }
  }

  function begin(world: World, now: number): Evaluation {
    const byHash = new Map(world.artifacts.map((artifact) => [artifact.hash, artifact]))
    const evaluation: Evaluation = { world, now, byHash, kept: new Map(), held: new Map(), deleted: new Map() }
    protect(evaluation)
    return evaluation
  }

  return {
    evaluate(world, now) {
      const evaluation = begin(world, now)
      expire(evaluation)
      shrink(evaluation)
      return world.artifacts.map(({ hash, sizeBytes }) => {
        const deletion = evaluation.deleted.get(hash)
        if (deletion !== undefined) return { action: 'delete', hash, sizeBytes, ...deletion }
        return { action: 'keep', hash, ...(evaluation.kept.get(hash) ?? evaluation.held.get(hash) ?? NOT_NOMINATED) }
      })
    },
    lineageNeeded(world, now) {
      const { kept } = begin(world, now)
      return world.artifacts
        .filter((artifact) => artifact.usedByCount > 0 && !kept.has(artifact.hash))
        .filter((artifact) => isReferenceKept(artifact) !== undefined)
        .filter(
          (artifact) =>
            expiries.some(({ policy, rule }) => selects(policy.selector, artifact) && isDue(rule, artifact, now)) ||
            sizes.some(({ policy }) => selects(policy.selector, artifact)),
        )
        .map(({ hash }) => hash)
    },
  }
}

/** What no policy can give away. */
function protectBuiltIn(world: World, kept: Map<ContentHash, Verdict>): void {
  const newest = new Map<string, { readonly version: number; readonly hash: ContentHash }>()
  for (const { hash, pinnedBy, createdBy, versions } of world.artifacts) {
    if (pinnedBy.length > 0) keep(kept, hash, 'built-in/pinned', `pinned by ${pinnedBy.join(', ')}`)
    const runId = createdBy?.runId
    if (runId !== undefined && world.activeRuns.has(runId)) {
      keep(kept, hash, 'built-in/active-run', `made by ${runId}, which has not ended`)
    }
    for (const { name, version } of versions.map(parseVersion)) {
      if ((newest.get(name)?.version ?? 0) < version) newest.set(name, { version, hash })
    }
  }
  for (const [name, { version, hash }] of newest) {
    keep(kept, hash, 'built-in/newest-version', `${name}@${version} is the newest version`)
  }
}

function keep(kept: Map<ContentHash, Verdict>, hash: ContentHash, rule: string, reason: string): void {
  if (!kept.has(hash)) kept.set(hash, { rule, reason })
}

function* protectedBy(
  rule: RuleOf<'keep-tagged' | 'keep-versions' | 'keep-last'>,
  selected: readonly ArtifactInfo[],
): Generator<readonly [ContentHash, string]> {
  switch (rule.kind) {
    case 'keep-tagged':
      for (const { hash, tags } of selected) {
        const tag = tags.find((tag) => rule.tags.some((pattern) => matchesGlob(pattern, tag)))
        if (tag !== undefined) yield [hash, `tagged ${tag}`]
      }
      return
    case 'keep-versions':
      for (const { hash, versions } of selected) if (versions.length > 0) yield [hash, `version ${versions.join(', ')}`]
      return
    case 'keep-last':
      for (const [series, members] of seriesOf(selected)) {
        members.sort((a, b) => b.order - a.order || (a.hash < b.hash ? -1 : 1))
        for (const { hash } of members.slice(0, rule.count)) yield [hash, `among the last ${rule.count} of ${series}`]
      }
  }
}

/** Versions by name, and what has no version by the node that made it, with what orders them. */
function seriesOf(
  artifacts: readonly ArtifactInfo[],
): ReadonlyMap<string, { readonly hash: ContentHash; readonly order: number }[]> {
  const series = new Map<string, { readonly hash: ContentHash; readonly order: number }[]>()
  const add = (name: string, hash: ContentHash, order: number): void => {
    const members = series.get(name)
    if (members === undefined) series.set(name, [{ hash, order }])
    else members.push({ hash, order })
  }
  for (const { hash, versions, createdBy, createdAt } of artifacts) {
    for (const { name, version } of versions.map(parseVersion)) add(name, hash, version)
    if (versions.length === 0 && createdBy?.nodeId !== undefined) {
      add(`node ${createdBy.nodeId} of ${createdBy.tenant ?? 'nobody'}`, hash, createdAt)
    }
  }
  return series
}

function expiryReason(rule: RuleOf<'max-age' | 'max-idle'>, artifact: ArtifactInfo, now: number): string | undefined {
  if (!isDue(rule, artifact, now)) return undefined
  // A fixed time, not a duration: the reason is part of the plan's hash, and must not change while the plan is read.
  const since = new Date(sinceOf(rule, artifact)).toISOString()
  const what = rule.kind === 'max-age' ? 'created' : 'last read'
  return `${what} ${since}, more than ${rule.days} days ago`
}

function isDue(rule: RuleOf<'max-age' | 'max-idle'>, artifact: ArtifactInfo, now: number): boolean {
  return now - sinceOf(rule, artifact) > rule.days * DAY_MS
}

function sinceOf(rule: RuleOf<'max-age' | 'max-idle'>, artifact: ArtifactInfo): number {
  return rule.kind === 'max-age' ? artifact.createdAt : artifact.lastAccessAt
}

function leastUsedFirst(a: ArtifactInfo, b: ArtifactInfo): number {
  return (
    a.lastAccessAt - b.lastAccessAt ||
    a.accessCount - b.accessCount ||
    b.sizeBytes - a.sizeBytes ||
    (a.hash < b.hash ? -1 : 1)
  )
}
