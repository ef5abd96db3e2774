/** The engine against a second, slow one that knows nothing but the definitions. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ArtifactInfo, ContentHash } from '../../actors/artifact-store/protocol.ts'
import { planOf } from '../../actors/stale-manager/cleanup.ts'
import { createPolicyEngine, type World } from '../../actors/stale-manager/engine.ts'
import type { RetentionPolicy, RetentionRule, Selector } from '../../actors/stale-manager/protocol.ts'
import { artifact, DAY_MS, hashOf, NOW, world } from './support.ts'

const TAGS = ['gold', 'draft', 'x']
const TENANTS = ['a', 'b']

const info = fc.record({
  ageDays: fc.integer({ min: 0, max: 100 }),
  idleShare: fc.double({ min: 0, max: 1, noNaN: true }),
  accessCount: fc.nat(3),
  sizeBytes: fc.integer({ min: 1, max: 20 }),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 2 }),
  createdBy: fc.record({
    tenant: fc.constantFrom(...TENANTS),
    nodeId: fc.constantFrom('n', 'm'),
    runId: fc.constantFrom('r1', 'r2'),
  }),
  pinned: fc.boolean().map((pinned) => (pinned ? ['run'] : [])),
  named: fc.constantFrom('', '', 'doc', 'page'),
  /** Which earlier artifact this one was made from. */
  parent: fc.option(fc.nat(30)),
})
const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({ all: true }),
  fc.constantFrom(...TENANTS).map((tenant) => ({ tenant })),
  fc.constantFrom(...TAGS).map((tag) => ({ tags: [tag] })),
  fc.integer({ min: 1, max: 20 }).map((minBytes) => ({ minBytes })),
)
const rule: fc.Arbitrary<RetentionRule> = fc.oneof(
  fc.integer({ min: 1, max: 90 }).map((days) => ({ kind: 'max-age' as const, days })),
  fc.integer({ min: 1, max: 90 }).map((days) => ({ kind: 'max-idle' as const, days })),
  fc.integer({ min: 1, max: 200 }).map((bytes) => ({ kind: 'max-total-size' as const, bytes })),
  fc.constantFrom(...TAGS).map((tag) => ({ kind: 'keep-tagged' as const, tags: [tag] })),
  fc.integer({ min: 1, max: 3 }).map((count) => ({ kind: 'keep-last' as const, count })),
  fc.constant({ kind: 'keep-versions' as const }),
  fc.constant({ kind: 'keep-referenced' as const }),
)
const policies = fc
  .array(
    fc.record({
      selector,
      rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
      priority: fc.integer({ min: -2, max: 2 }),
    }),
    { maxLength: 4 },
  )
  .map((list): RetentionPolicy[] => list.map((policy, i) => ({ ...policy, name: `p${i}` })))

const worlds = fc.array(info, { maxLength: 25 }).map((list): World => {
  const versions = new Map<string, number>()
  const parents = new Map<ContentHash, ContentHash>()
  const artifacts = list.map(({ idleShare, pinned, named, parent, ...rest }, i) => {
    const version = (versions.get(named) ?? 0) + 1
    versions.set(named, version)
    if (parent !== null && i > 0) parents.set(hashOf(`${i}`), hashOf(`${parent % i}`))
    const of = named === '' ? [] : [`${named}@${version}`]
    return artifact(`${i}`, { ...rest, idleDays: rest.ageDays * idleShare, pinnedBy: pinned, versions: of })
  })
  const descendants = new Map(artifacts.map(({ hash }) => [hash, [] as ContentHash[]]))
  for (const { hash } of artifacts) {
    for (let up = parents.get(hash); up !== undefined; up = parents.get(up)) descendants.get(up)!.push(hash)
  }
  const counted = artifacts.map((info) => ({ ...info, usedByCount: descendants.get(info.hash)!.length }))
  return world(counted, { descendants, activeRuns: new Set(['r2']) })
})

/** Straight from the definitions, with no regard for speed. */
function oracle(
  { artifacts, descendants, activeRuns }: World,
  policies: readonly RetentionPolicy[],
  now: number,
): Set<ContentHash> {
  const chosen =
    ({ selector: s }: RetentionPolicy) =>
    (a: ArtifactInfo): boolean =>
      (s.tenant === undefined || a.createdBy?.tenant === s.tenant) &&
      (s.tags ?? []).every((tag) => a.tags.includes(tag)) &&
      a.sizeBytes >= (s.minBytes ?? 0)
  const seriesOf = (a: ArtifactInfo): string =>
    a.versions[0]?.split('@')[0] ?? `${a.createdBy!.tenant}/${a.createdBy!.nodeId}`
  const order = (a: ArtifactInfo): number =>
    a.versions.length > 0 ? Number(a.versions[0]!.split('@')[1]) : a.createdAt
  const isSafe = (a: ArtifactInfo): boolean => {
    const isNewest =
      a.versions.length > 0 &&
      !artifacts.some((b) => b.versions.length > 0 && seriesOf(b) === seriesOf(a) && order(b) > order(a))
    if (a.pinnedBy.length > 0 || isNewest || activeRuns.has(a.createdBy!.runId!)) return true
    return policies.some(
      (policy) =>
        chosen(policy)(a) &&
        policy.rules.some((rule) => {
          if (rule.kind === 'keep-tagged') return a.tags.some((tag) => rule.tags.includes(tag))
          if (rule.kind === 'keep-versions') return a.versions.length > 0
          if (rule.kind !== 'keep-last') return false
          const newer = artifacts.filter(chosen(policy)).filter((b) => {
            const isSame = seriesOf(b) === seriesOf(a) && b.versions.length > 0 === a.versions.length > 0
            return isSame && (order(b) > order(a) || (order(b) === order(a) && b.hash < a.hash))
          })
          return newer.length < rule.count
        }),
    )
  }
  const isBound = (a: ArtifactInfo): boolean =>
    policies.some((policy) => chosen(policy)(a) && policy.rules.some(({ kind }) => kind === 'keep-referenced'))
  const isFree = (a: ArtifactInfo, gone: Set<ContentHash>): boolean =>
    !isBound(a) || descendants.get(a.hash)!.every((hash) => gone.has(hash))
  const gone = new Set<ContentHash>()
  for (const a of artifacts) {
    const isDue = policies.some(
      (policy) =>
        chosen(policy)(a) &&
        policy.rules.some(
          (rule) =>
            (rule.kind === 'max-age' && now - a.createdAt > rule.days * DAY_MS) ||
            (rule.kind === 'max-idle' && now - a.lastAccessAt > rule.days * DAY_MS),
        ),
    )
    if (isDue && !isSafe(a)) gone.add(a.hash)
  }
  for (let again = true; again;) {
    const held = artifacts.filter((a) => gone.has(a.hash) && !isFree(a, gone))
    for (const { hash } of held) gone.delete(hash)
    again = held.length > 0
  }
  for (const policy of policies.toSorted((a, b) => b.priority! - a.priority! || (a.name < b.name ? -1 : 1))) {
    for (const rule of policy.rules) {
      if (rule.kind !== 'max-total-size') continue
      const rest = (): ArtifactInfo[] => artifacts.filter((a) => chosen(policy)(a) && !gone.has(a.hash))
      const isOver = (): boolean => rest().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > rule.bytes
      for (let again = true; again && isOver();) {
        again = false
        const byUse = rest().sort(
          (a, b) =>
            a.lastAccessAt - b.lastAccessAt ||
            a.accessCount - b.accessCount ||
            b.sizeBytes - a.sizeBytes ||
            (a.hash < b.hash ? -1 : 1),
        )
        for (const a of byUse) {
          if (!isOver() || isSafe(a) || !isFree(a, gone)) continue
          gone.add(a.hash)
          again = true
        }
      }
    }
  }
  return gone
}

function deletions(world: World, policies: readonly RetentionPolicy[]): Set<ContentHash> {
  return new Set(planOf(createPolicyEngine(policies).evaluate(world, NOW), NOW).deletions.map(({ hash }) => hash))
}

test('deletes exactly what the definitions say', () => {
  fc.assert(
    fc.property(worlds, policies, (world, policies) => {
      expect(deletions(world, policies)).toEqual(oracle(world, policies, NOW))
    }),
    { numRuns: 1_000 },
  )
})

test('the order of artifacts and policies does not matter, and lineage is only asked for where it can matter', () => {
  fc.assert(
    fc.property(worlds, policies, (world, policies) => {
      const engine = createPolicyEngine(policies)
      const shuffled = { ...world, artifacts: world.artifacts.toReversed() }
      const plan = planOf(engine.evaluate(world, NOW), NOW)
      expect(planOf(createPolicyEngine(policies.toReversed()).evaluate(shuffled, NOW), NOW).id).toBe(plan.id)
      const needed = new Set(engine.lineageNeeded({ ...world, descendants: new Map() }, NOW))
      const known = new Map([...world.descendants].filter(([hash]) => needed.has(hash)))
      expect(planOf(engine.evaluate({ ...world, descendants: known }, NOW), NOW)).toEqual(plan)
    }),
    { numRuns: 500 },
  )
})
